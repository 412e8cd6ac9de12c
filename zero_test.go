package okta_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestNilAndZeroClientsReturnErrors(t *testing.T) {
	t.Parallel()
	var none *okta.Client
	for name, client := range map[string]*okta.Client{
		"zero client":   {},
		"zero services": {UserGrants: &okta.UserGrants{}, UserOAuth: &okta.UserOAuth{}, AuthorizationServerClients: &okta.AuthorizationServerClients{}},
	} {
		for _, op := range operations {
			_, err := op.call(t.Context(), client, "a", "b", "c")
			require.ErrorIs(t, err, okta.ErrInvalidArgument, "%s: %s", name, op.id)
		}
	}
	for _, client := range []*okta.Client{none, {}} {
		require.ErrorIs(t, client.Do(t.Context(), okta.Request{Path: []string{"api"}}, nil), okta.ErrInvalidArgument)
		_, err := okta.List[struct{}](t.Context(), client, okta.Request{Path: []string{"api"}})
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
		assert.Empty(t, client.RateLimits())
		assert.Equal(t, "okta.Client(nil)", sprint("%v", client))
	}
}

func TestNilAndZeroPagesReturnErrors(t *testing.T) {
	t.Parallel()
	var none *okta.Page[int]
	for _, page := range []*okta.Page[int]{none, {}} {
		assert.False(t, page.HasNext())
		assert.Empty(t, page.Cursor())
		_, err := page.Next(t.Context())
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
	}
	_, err := none.Collect(t.Context())
	require.ErrorIs(t, err, okta.ErrInvalidArgument, "nothing is not an empty list")
	for _, err := range none.All(t.Context()) {
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
	}
}

func TestNilErrorPrints(t *testing.T) {
	t.Parallel()
	var none *okta.Error
	assert.Equal(t, "<nil>", none.Error())
	assert.Equal(t, "<nil>", none.LogValue().String())
	assert.NotErrorIs(t, none, okta.ErrNotFound)
	assert.NoError(t, none.Unwrap())
}

// NewPage makes lists of several pages for the tests of code that reads them.
func TestNewPage(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	last := okta.NewPage([]int{3}, "", nil)
	fails := true
	second := okta.NewPage([]int{2}, "after2", func(context.Context) (*okta.Page[int], error) {
		if fails {
			return nil, broken
		}
		return last, nil
	})
	first := okta.NewPage([]int{1}, "after1", func(context.Context) (*okta.Page[int], error) { return second, nil })
	assert.True(t, first.HasNext())
	assert.Equal(t, "after1", first.Cursor())
	_, err := first.Collect(t.Context())
	require.ErrorIs(t, err, broken)
	fails = false
	items, err := first.Collect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, items)
	assert.Empty(t, last.Cursor())
	assert.False(t, last.HasNext())

	lost := okta.NewPage([]int{1}, "x", func(context.Context) (*okta.Page[int], error) { return nil, nil }) //nolint:nilnil // the mistake
	_, err = lost.Collect(t.Context())
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
}
