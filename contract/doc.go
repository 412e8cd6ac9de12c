// Package contract compares the SDK and its org in memory with the OpenAPI document that Okta publishes. It has tests
// only; README.md says what they check and where the document comes from. Package live, below it, queries a real org.
package contract
