"""Values, characters and headers that parsers are known to stumble over."""

from __future__ import annotations

HUGE = b"9" * 400
NUMBERS = (
    b"-1 0 1 -0 00 12.0 1e3 1E400 -1e-400 0.1 NaN Infinity -Infinity 0x10 1_000 +5 9007199254740993 2147483648 "
    b"9223372036854775807 9223372036854775808 18446744073709551616 10000000000000 10000000000001 1000000000000 " + HUGE
).split()
STRINGS = (
    *(b'""', b'" "', b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\uFFFF"', b'"\xf0\x9f\x92\xb8"', b'"\\x41"'),
    *(b'"a\nb"', b'"\\u202e\\u0000"', b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xc2\x85"', b'"\\u2028"'),
    *(b'"' + b"x" * 300 + b'"', b'"' + b"\xf0\x9f\x92\xb8" * 3000 + b'"', b'"=HYPERLINK(1)"', b'"\'; DROP TABLE x;--"'),
    *(b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:60Z"', b'"2016-12-31T23:59:60Z"', b'"2026-02-30T00:00:00+25:00"'),
)
VALUES = (*NUMBERS, *STRINGS, b"null", b"true", b"[]", b"{}", b"[null]", b'{"a":1,"a":2}', b"[" * 64 + b"]" * 64)
CHARACTERS = (
    *(b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\\", b'"', b"{", b"}", b"["),
    *(b",", b":", b"\n", b"\r", b"\t", b"\x7f", b"\xc2\xa0", b"\xe2\x80\xa8", b"/*", b"//", b"'", b"NaN"),
)
KINDS = (
    *(b"", b"text/plain", b"application/json; charset=utf-16", b"application/x-ndjson", b"application/jsonl"),
    *(b"application/json;" + b"x" * 5000, b"application/json\x00", b"\xff", b"multipart/form-data; boundary=x"),
    *(b"application/cloudevents+json", b'application/json; charset="utf-8"', b"APPLICATION/JSON", b"*/*", b"json"),
)
TEXTS = (b"", b" ", b"\xff", b"\xc3\xa9", b"x" * 256, b"x" * 8000, b"0", b"-1", b'"', b"*", b'"1"', b'W/"1"', b'"1",')
LENGTHS = (b"0", b"1", b"-1", b"abc", b"9" * 30, b"0x10", b"+5", b" 5", b"1, 1", b"262145", b"\xb2", b"\xd9\xa3")
NAMES = (
    *(b"idempotency-key", b"if-match", b"if-none-match", b"x-request-id", b"authorization", b"accept", b"expect"),
    *(b"content-encoding", b"transfer-encoding", b"cookie", b"range", b"origin", b"x-http-method-override", b"te"),
)
METHODS = b"GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT get PoSt PROPFIND X".split()
PATH_PIECES = (b"/", b"//", b"/..", b"/.", b"%00", b"%2F", b"%", b"%zz", b"%ff", b"%F0%9F%92%B8", b"x" * 3000, b";a=b")
QUERY_PIECES = (
    *(b"limit=0", b"limit=201", b"limit=1", b"limit=x", b"cursor=", b"cursor=abc", b"status=paid", b"a", b"=", b"&"),
    *(b"createdFrom=0001-01-01T00:00:00Z", b"createdTo=9999-12-31T23:59:59-14:00", b"createdFrom=2016-12-31T23:59:60Z"),
    *(b"minAmountCents=99999999999999999999", b"maxAmountCents=-1", b"reference=%00", b"reference=%ED%A0%80", b"%ff=1"),
    *(b"offset=10000", b"after=" + HUGE, b"after=-1", b"type=Nothing", b"state=dead", b"limit=1&limit=1", b"x" * 4000),
)
