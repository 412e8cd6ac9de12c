// Command oktagrants reviews and revokes OAuth grants and refresh tokens of a whole Okta org.
package main

func main() {}
