// Package contract holds the SDK and its org in memory against the OpenAPI document that Okta publishes. It has tests
// only; README.md says what they check and where the document comes from.
package contract
