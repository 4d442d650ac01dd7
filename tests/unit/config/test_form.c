/* test_form.c - shapes of strings, and that the schema's patterns refuse nothing they allow. */
#include "config/form.h"

#include <criterion/criterion.h>
#include <regex.h>
#include <string.h>

/* clang-format off */
static const struct {
    enum form form;
    const char *text;
    bool matches;
} rows[] = {
    {FORM_TEXT,  "any \xc3\xa9", true},   {FORM_TEXT,  "a\tb", false},  {FORM_TEXT, "\x7f", false},
    {FORM_NAME,  "a", true},              {FORM_NAME,  "9", true},      {FORM_NAME, "eu-west.1_b", true},
    {FORM_NAME,  "", false},              {FORM_NAME,  "-a", false},    {FORM_NAME, "_a", false},
    {FORM_NAME,  "a/b", false},           {FORM_NAME,  "a b", false},   {FORM_NAME, "\xc3\xa9", false},
    {FORM_NAME,  "a\n", false},           {FORM_NAME,  "{a}", false},
    {FORM_MODEL, "gpt-4.1", true},        {FORM_MODEL, "meta/Llama-3:free@1", true}, {FORM_MODEL, "a[b]", true},
    {FORM_MODEL, "", false},              {FORM_MODEL, "a\"", false},   {FORM_MODEL, "a\\", false},
    {FORM_MODEL, "a b", false},           {FORM_MODEL, "\xc3\xa9", false},
    {FORM_LISTEN, "127.0.0.1:1", true},   {FORM_LISTEN, ":65535", true}, {FORM_LISTEN, "[::1]:80", true},
    {FORM_LISTEN, "host-1.x:80", true},   {FORM_LISTEN, "h:0", false},  {FORM_LISTEN, "h:65536", false},
    {FORM_LISTEN, "h:", false},           {FORM_LISTEN, "h", false},    {FORM_LISTEN, "[::1]", false},
    {FORM_LISTEN, "[]:80", false},        {FORM_LISTEN, "[::1]80", false}, {FORM_LISTEN, "::1:80", false},
    {FORM_LISTEN, "*:80", false},         {FORM_LISTEN, "h:8 0", false}, {FORM_LISTEN, "h:+80", false},
    {FORM_LISTEN, "h:000080", false},     {FORM_LISTEN, "[a b]:80", false},
    {FORM_PROXY, "http://h:3128", true},  {FORM_PROXY, "socks5h://u:p%40@[::1]:1080", true},
    {FORM_PROXY, "http://u:p@h:1", true}, {FORM_PROXY, "http://h", false}, {FORM_PROXY, "https://h:1", false},
    {FORM_PROXY, "h:1", false},           {FORM_PROXY, "http://h:1/", false}, {FORM_PROXY, "http://u@v@h:1", false},
    {FORM_PROXY, "http://u:p@:1", false}, {FORM_PROXY, "http://h:0", false}, {FORM_PROXY, "socks5://h:1", false},
    {FORM_PROXY, "http://u:p q@h:1", false},
    {FORM_BASE_URL, "http://h", true},    {FORM_BASE_URL, "https://h:1/v1/", true}, {FORM_BASE_URL, "HTTPS://h/", true},
    {FORM_BASE_URL, "http://[::1]:80/v1", true}, {FORM_BASE_URL, "http://[::1]", true}, {FORM_BASE_URL, "http://h/a%20b", true},
    {FORM_BASE_URL, "", false},           {FORM_BASE_URL, "h", false},  {FORM_BASE_URL, "http:h", false},
    {FORM_BASE_URL, "http//h", false},    {FORM_BASE_URL, "http://", false}, {FORM_BASE_URL, "http:///x", false},
    {FORM_BASE_URL, "http://u@h", false}, {FORM_BASE_URL, "http://h/?q", false}, {FORM_BASE_URL, "http://h/#f", false},
    {FORM_BASE_URL, "http://h:0", false}, {FORM_BASE_URL, "http://h:80a", false}, {FORM_BASE_URL, "http://a:b:80", false},
    {FORM_BASE_URL, "http://h\\@x", false}, {FORM_BASE_URL, " http://h", false}, {FORM_BASE_URL, "http://h/\r\n", false},
    {FORM_BASE_URL, "http://a,b/", false}, {FORM_BASE_URL, "gopher://h", false}, {FORM_BASE_URL, "http://[]/", false},
    {FORM_BASE_URL, "http://[::1]x/", false},
    {FORM_REDIS_URL, "redis://h", true},  {FORM_REDIS_URL, "redis://u:p%40@h:6379/0", true}, {FORM_REDIS_URL, "unix:///run/r.sock", true},
    {FORM_REDIS_URL, "unix:///r?db=15", true}, {FORM_REDIS_URL, "unix:///", false}, {FORM_REDIS_URL, "unix://r", false},
    {FORM_REDIS_URL, "redis://", false},  {FORM_REDIS_URL, "redis:///0", false}, {FORM_REDIS_URL, "redis://u:p@", false},
    {FORM_REDIS_URL, "rediss://u:p@h:1", true}, {FORM_REDIS_URL, "redis://h,i:7,[::1]", true},
    {FORM_REDIS_URL, "redis+sentinel://u:p@h,i/m/1", true}, {FORM_REDIS_URL, "rediss+sentinel://h/m", true},
    {FORM_REDIS_URL, "redis+sentinel://h", false}, {FORM_REDIS_URL, "redis+tls://h", false}, {FORM_REDIS_URL, "rediss://", false},
    {FORM_REDIS_URL, "redis://h?p=x", false}, {FORM_REDIS_URL, "unix:///r?password=x", false}, {FORM_REDIS_URL, "http://h", false},
    {FORM_REDIS_URL, "redis://h\r\nX", false}, {FORM_REDIS_URL, "redis://h#x", false},
    {FORM_FIELD, "Authorization", true},  {FORM_FIELD, "x-api-key", true}, {FORM_FIELD, "api_key.1", true},
    {FORM_FIELD, "", false},              {FORM_FIELD, "x:y", false},   {FORM_FIELD, "x y", false},
    {FORM_FIELD, "HOST", false},          {FORM_FIELD, "content-LENGTH", false}, {FORM_FIELD, "Transfer-Encoding", false},
    {FORM_FIELD, "x\r\ny", false},
    {FORM_KEY, "", true},                 {FORM_KEY, "sk-!~", true},    {FORM_KEY, "a b", false},
    {FORM_KEY, "a\n", false},             {FORM_KEY, "\x7f", false},    {FORM_KEY, "\xc3\xa9", false},
    {FORM_ORIGIN, "*", true},             {FORM_ORIGIN, "null", true},
    {FORM_ORIGIN, "https://app.example.com", true}, {FORM_ORIGIN, "http://localhost:3000", true},
    {FORM_ORIGIN, "http://[::1]:8080", true}, {FORM_ORIGIN, "https://h:80", true},
    {FORM_ORIGIN, "chrome-extension://abcdefghijklmnop", true}, {FORM_ORIGIN, "app://obsidian.md", true},
    {FORM_ORIGIN, "", false},             {FORM_ORIGIN, "https://h/", false},
    {FORM_ORIGIN, "https://h/app", false}, {FORM_ORIGIN, "https://H", false},
    {FORM_ORIGIN, "HTTPS://h", false},    {FORM_ORIGIN, "https://h:443", false},
    {FORM_ORIGIN, "http://h:80", false},  {FORM_ORIGIN, "http://h:", false},
    {FORM_ORIGIN, "http://h:0", false},   {FORM_ORIGIN, "http://h:080", false},
    {FORM_ORIGIN, "http://", false},      {FORM_ORIGIN, "://h", false},
    {FORM_ORIGIN, "h", false},            {FORM_ORIGIN, "https:h", false},
    {FORM_ORIGIN, "https://u@h", false},  {FORM_ORIGIN, "https://*.h", false},
    {FORM_ORIGIN, "https://a https://b", false}, {FORM_ORIGIN, "https://h\r\n", false},
    {FORM_HOST, "*", true},               {FORM_HOST, "ai.example.com", true}, {FORM_HOST, "sluice_1", true},
    {FORM_HOST, "AI.example.com", true},  {FORM_HOST, "", false},       {FORM_HOST, "h:80", false},
    {FORM_HOST, "*.h", false},            {FORM_HOST, ".h", false},     {FORM_HOST, "h.", false},
    {FORM_HOST, "http://h", false},       {FORM_HOST, "h\n", false},    {FORM_HOST, "[::1]", false},
    {FORM_PATH, "/", true},               {FORM_PATH, "/models?x=1", true}, {FORM_PATH, "/a%20b", true},
    {FORM_PATH, "", false},               {FORM_PATH, "models", false}, {FORM_PATH, "/a b", false},
    {FORM_PATH, "/a#b", false},           {FORM_PATH, "/a\r\nb", false}, {FORM_PATH, "/\xc3\xa9", false},
    {FORM_VALUE, "", true},               {FORM_VALUE, "a b", true},    {FORM_VALUE, "a", true},
    {FORM_VALUE, " a", false},            {FORM_VALUE, "a ", false},    {FORM_VALUE, "a\tb", false},
    {FORM_VALUE, "a\r\nb", false},        {FORM_VALUE, "\xc3\xa9", false},
};
/* clang-format on */

Test(form, each_row)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(form_matches(rows[i].form, str_of(rows[i].text)), rows[i].matches,
                     "form %d, '%s'", (int)rows[i].form, rows[i].text);
}

Test(form, a_byte_of_zero_is_in_no_form)
{
    for (size_t f = 0; f < N_FORMS; f++)
        cr_expect_not(form_matches((enum form)f, (struct str){"http://h\0", 9}), "form %zu", f);
}

/* POSIX brackets take '\' as itself, ECMA 262 as an escape: the patterns with "\[" are left to
 * the schema's own readers. */
Test(form, patterns_refuse_nothing_that_matches)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *pattern = form_pattern(rows[i].form);
        regex_t re;

        if (pattern == NULL || strstr(pattern, "\\[") != NULL || !rows[i].matches)
            continue;
        cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", pattern);
        cr_expect_eq(regexec(&re, rows[i].text, 0, NULL, 0), 0, "'%s' and %s", rows[i].text,
                     pattern);
        regfree(&re);
    }
}
