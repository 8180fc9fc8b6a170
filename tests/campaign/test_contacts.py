import pytest

from voiced.campaign import Contact, read_contacts
from voiced.errors import CallListError


def problems_of(text):
    with pytest.raises(CallListError) as caught:
        read_contacts(text)
    return caught.value.problems


def test_each_row_is_a_number_with_its_variables():
    text = (
        "\ufeffName,Number,appointment\r\n"
        'Ms Miller,+13125550123,"Tuesday, at nine"\r\n'
        "\r\n"
        "Mr Smith, +13125550124 ,\r\n"
    )
    assert read_contacts(text) == (
        Contact(
            number="+13125550123",
            variables={"name": "Ms Miller", "appointment": "Tuesday, at nine"},
            line=2,
        ),
        Contact(number="+13125550124", variables={"name": "Mr Smith"}, line=4),
    )


def test_a_value_of_several_lines_does_not_upset_the_count():
    text = 'number,note\n+13125550123,"one\ntwo"\n+131255501x4,\n'
    assert problems_of(text)[0].startswith("line 4: the number is not E.164")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: there is no column 'number'"),
        ("phone,name\n+13125550123,x\n", "line 1: there is no column 'number'"),
        ("number;name\n", "line 1: there is no column 'number' (columns are divided by commas)"),
        (
            "+13125550123\n",
            "line 1: there is no column 'number' (the first line must name the columns)",
        ),
        ("number,number\n", "line 1: the column 'number' is there twice"),
        ("number,first name\n", "line 1: 'first name' cannot name a variable"),
        ("number,\n", "line 1: '(empty)' cannot name a variable"),
        ("number\n", "there is no number in it"),
        ("number,name\n+13125550123\n", "line 2: 1 columns where the header has 2"),
        ("number\n3125550123\n", "line 2: the number is not E.164"),
        ("number,name\n,Miller\n", "line 2: the number is missing"),
        ("number\n+1 (312) 555-0123\n", "without spaces and signs: +13125550123"),
        ("number\n004930123456\n", "line 2: the number must begin with a plus sign"),
        ("number\n+13125550123\n+13125550123\n", "line 3: this number is on line 2 too"),
        ('number\n"+13125550123\n', "line 2: unexpected end of data"),
        (f"number,name\n+13125550123,{'x' * 1001}\n", "line 2: name has more than 1000"),
    ],
)
def test_a_fault_is_told_with_its_line(text, problem):
    (found,) = problems_of(text)
    assert problem in found


def test_all_faults_are_told_at_once_and_the_sentence_stays_short():
    problems = problems_of("number\n" + "x\n" * 50)
    assert len(problems) == 50
    assert "line 21: " in str(CallListError(problems))
    assert str(CallListError(problems)).endswith("; and 30 more")
