package ledger_test

// child does the work of a child process of this test binary, if this is one.
func child() bool { return false }
