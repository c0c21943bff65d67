import codecs

import pytest

from ccharmony.errors import SourceError
from ccharmony.hand_written import read_cells, read_marked_text, read_rows

TEXT = "Photo,mark\nKüche, bad \n\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        'Photo,mark\n"Küche","bad"\n'.encode(),
    ],
)
def test_a_table_of_any_editor_has_the_same_rows(tmp_path, data):
    path = tmp_path / "marks.csv"
    path.write_bytes(data)
    assert read_rows(path) == (["photo", "mark"], [(2, {"photo": "Küche", "mark": "bad"})])


def test_a_line_with_too_few_cells_lacks_the_last_and_keeps_its_number(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,split\n\n1,train\n2\n")
    assert read_rows(path) == (["id", "split"], [(3, {"id": "1", "split": "train"}), (4, {"id": "2"})])


def test_a_line_with_cells_of_no_column_is_refused_but_not_one_that_ends_with_commas(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,class,split\n1,car,train,,\n")
    assert read_rows(path)[1] == [(2, {"id": "1", "class": "car", "split": "train"})]
    path.write_text("id,class,split\n1,car,train\n2,cup, red,train\n")
    with pytest.raises(SourceError, match=r"table\.csv, line 3: 4 cells, wanted 3 as in the header"):
        read_rows(path)


def test_an_empty_table_has_neither_columns_nor_rows(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("\n")
    assert (read_rows(path), read_cells(path)) == (([], []), [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("c1_1_1.jpg\n".encode("utf-16-le"), "not UTF-8, it has zero bytes"),
        (b"\x80\x81", "cannot be read as text"),
        (b'a,"' + b"x" * 200_000, "cannot be read as CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_its_name(tmp_path, data, reason):
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=f"table.csv: {reason}"):
        read_cells(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.txt: cannot be read as text \(No such file or directory\)$"):
        read_marked_text(tmp_path / "absent.txt")
