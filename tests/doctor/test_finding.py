from voiced.doctor.finding import all_fine, document, fine, lines, problem, unknown, warning

FINE = fine("clock", "the clock is right")
PROBLEM = problem("numbers", "nobody can call", "assign a number")
WARNING = warning("tls", "it expires soon", "renew it")
UNKNOWN = unknown("public_key", "it was not compared")


def test_each_finding_is_a_line_with_a_sign_and_its_remedy_below():
    assert list(lines([FINE, PROBLEM, WARNING, UNKNOWN])) == [
        "✓ the clock is right",
        "✗ nobody can call",
        "    → assign a number",
        "! it expires soon",
        "    → renew it",
        "? it was not compared",
        "1 problem, 1 warning, 1 not looked at",
    ]


def test_a_poor_terminal_gets_ascii():
    told = "\n".join(lines([FINE, PROBLEM, PROBLEM], unicode=False))
    assert told.isascii()
    assert told.endswith("2 problems")
    assert list(lines([FINE]))[-1] == "everything is fine"


def test_only_problems_are_a_failure():
    assert all_fine([FINE, WARNING, UNKNOWN])
    assert not all_fine([FINE, PROBLEM])


def test_programs_get_the_same():
    assert document([FINE, PROBLEM]) == {
        "fine": False,
        "findings": [
            {"check": "clock", "sign": "fine", "text": "the clock is right", "remedy": ""},
            {
                "check": "numbers",
                "sign": "problem",
                "text": "nobody can call",
                "remedy": "assign a number",
            },
        ],
    }
