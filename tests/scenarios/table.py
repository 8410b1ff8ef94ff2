"""A table of everything that was broken and what was said of it, for 100 columns."""

import textwrap

COLUMNS = (("scenario", 26), ("broken", 26), ("verdicts", 23), ("causes", 19))


def line_of(cells):
    return "  ".join(f"{cell:{width}}" for cell, (_, width) in zip(cells, COLUMNS)).rstrip()


def lines_of(cells):
    """Cells are lists of phrases; each phrase begins a line."""
    wrapped = [[line for phrase in cell
                for line in textwrap.wrap(phrase, width, subsequent_indent=" ",
                                         break_on_hyphens=False)]
               for cell, (_, width) in zip(cells, COLUMNS)]
    for i in range(max(map(len, wrapped))):
        yield line_of([column[i] if i < len(column) else "" for column in wrapped])


def print_table(rows):
    """rows: of lists of phrases, a list for each column."""
    print(line_of([title for title, _ in COLUMNS]))
    print(line_of(["-" * width for _, width in COLUMNS]))
    for row in rows:
        for line in lines_of(row):
            print(line)
