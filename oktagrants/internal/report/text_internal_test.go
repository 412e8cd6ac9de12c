package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestShown(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                                 "",
		"Plain name":                       "Plain name",
		"Zoë Müller 李娜 شركة":               "Zoë Müller 李娜 شركة",
		"Pay\u202emoc.live\u202c":          "Pay⟨U+202E⟩moc.live⟨U+202C⟩",
		"\u2066isolated\u2069":             "⟨U+2066⟩isolated⟨U+2069⟩",
		"zero\u200bwidth\ufeff":            "zero⟨U+200B⟩width⟨U+FEFF⟩",
		"soft\u00adhyphen":                 "soft⟨U+00AD⟩hyphen",
		"a\x00\x1b[31m\r\n\tb\u0085":       "a⟨U+0000⟩⟨U+001B⟩[31m⟨U+000D⟩⟨U+000A⟩⟨U+0009⟩b⟨U+0085⟩",
		"line\u2028end\u2029":              "line⟨U+2028⟩end⟨U+2029⟩",
		"\u3164\u2800\u034f":               "⟨U+3164⟩⟨U+2800⟩⟨U+034F⟩",
		"tag\U000e0041\U000e0100":          "tag⟨U+E0041⟩⟨U+E0100⟩",
		"👩‍👩‍👧 ❤️ 👍🏽":                      "👩‍👩‍👧 ❤️ 👍🏽",
		"a\u200db":                         "a⟨U+200D⟩b",
		"e\u0301":                          "e\u0301",
		"z\u0315\u0315\u0315\u0315\u0315a": "z\u0315\u0315\u0315\u0315⟨U+0315⟩a",
		"\xff":                             "\ufffd",
		strings.Repeat("é", maxShown):      strings.Repeat("é", maxShown),
		strings.Repeat("é", maxShown*6):    strings.Repeat("é", maxShown) + "… (1,200 characters)",
	} {
		assert.Equal(t, want, Shown(name), "%q", name)
	}
}

func TestCell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "",
		"Wiki":                  "Wiki",
		"a=b":                   "a=b",
		"a@acme.example":        "a@acme.example",
		"Acme-Wiki":             "Acme-Wiki",
		"=1+1":                  "'=1+1",
		"+1":                    "'+1",
		"-1":                    "'-1",
		"@SUM(A1)":              "'@SUM(A1)",
		"\t=1":                  "'\t'=1",
		"\tname":                "'\tname",
		"\rname":                "'\rname",
		"\n=1":                  "'\n'=1",
		"  =1":                  "'  =1",
		"\u00a0=1":              "'\u00a0=1",
		"\u3000=1":              "'\u3000=1",
		"\u200b=1":              "'\u200b=1",
		"\ufeff=1":              "'\ufeff=1",
		"\u202e=1":              "'\u202e=1",
		"\x00=1":                "'\x00=1",
		"＝1":                    "'＝1",
		"＋1":                    "'＋1",
		"－1":                    "'－1",
		"＠A1":                   "'＠A1",
		"﹦1":                    "'﹦1",
		"Wiki;=1":               "Wiki;'=1",
		"Wiki; =1":              "Wiki;' =1",
		"Wiki\t@A1":             "Wiki\t'@A1",
		"Wiki\n=1\r\n+2":        "Wiki\n'=1\r\n'+2",
		"'=1":                   "'=1",
		"\"=1":                  "\"=1",
		"https://acme.okta.com": "https://acme.okta.com",
	} {
		assert.Equal(t, want, cell(text), "%q", text)
	}
}

func TestPowerful(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]bool{
		"okta.users.manage": true, "okta.apps.manage.self": true, "offline_access": true, "Files.ReadWrite.All": true,
		"mail.send": true, "repo:write": true, "full_access": true, "user_impersonation": true, "ADMIN": true, "*": true,
		"openid": false, "profile": false, "email": false, "groups": false, "okta.users.read": false, "files.read": false,
		"offline_access_request": false, "": false,
	} {
		assert.Equal(t, want, powerful(scope), scope)
	}
	for _, part := range append(powerfulNames, powerfulParts...) {
		assert.Contains(t, powerfulRule(), part)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "0", 999: "999", 1000: "1,000", 20_001: "20,001", 123_456: "123,456", 1_000_000: "1,000,000", -1000: "-1,000",
		-100: "-100",
	} {
		assert.Equal(t, want, count(n))
	}
}

func FuzzCell(f *testing.F) {
	for _, text := range []string{"=1", " ＝1", "a;=1", "\t\r\n@", "-"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, part := range strings.FieldsFunc(cell(text), func(r rune) bool { return strings.ContainsRune(";\t\r\n", r) }) {
			if start := strings.TrimSpace(part); start != "" && strings.ContainsAny(start[:1], "=+-@") {
				t.Errorf("%q begins a formula in %q", start, cell(text))
			}
		}
		if got := strings.ReplaceAll(cell(text), "'", ""); got != strings.ReplaceAll(text, "'", "") {
			t.Errorf("%q lost more than it gained: %q", text, got)
		}
	})
}
