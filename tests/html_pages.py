#!/usr/bin/python3
"""Report pages are well-formed, as XML and as HTML, refer to nothing outside, and name what they
show. Nothing runs in them, but for one script in a live page.

    tests/html_pages.py [--live] FILE...
"""

import html.parser
import sys
import xml.etree.ElementTree as ET

VOID = {"meta", "br"}
LINKS = {"src", "href", "xlink:href", "action", "formaction", "data", "poster", "srcset",
         "background", "style"}


class Page(html.parser.HTMLParser):
    """Collects what is wrong."""

    def __init__(self, scripts):
        super().__init__(convert_charrefs=True)
        self.scripts = scripts
        self.open = []
        self.wrong = []
        self.ids = []
        self.references = []
        self.headings = []

    def look(self, tag, attrs):
        for name, value in attrs:
            if name in LINKS or name.startswith("on"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name == "id":
                self.ids.append(value)
            if name in ("aria-labelledby", "aria-describedby"):
                self.references.append(value)
        self.scripts -= tag == "script"
        if tag in ("iframe", "img", "link", "object", "embed", "form", "base", "use"):
            self.wrong.append(f"<{tag}>")
        if tag == "th" and "scope" not in dict(attrs):
            self.wrong.append("<th> without scope")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))

    def handle_starttag(self, tag, attrs):
        self.look(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.look(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def finish(self):
        self.close()
        self.wrong += [f"<{tag}> is open" for tag in self.open]
        if self.scripts != 0:
            self.wrong.append(f"scripts: {-self.scripts} more than there may be")
        if len(set(self.ids)) != len(self.ids):
            self.wrong.append("an id twice")
        self.wrong += [f"no id {r}" for r in self.references if r not in self.ids]
        if self.headings[:1] != [1] or any(
                b > a + 1 for a, b in zip(self.headings, self.headings[1:])):
            self.wrong.append(f"headings {self.headings}")
        return self.wrong


def main():
    failed = 0
    live = sys.argv[1:2] == ["--live"]
    paths = sys.argv[1 + live:]
    for path in paths:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        page = Page(int(live))
        page.feed(text)
        wrong = page.finish()
        try:
            ET.fromstring(text)
        except ET.ParseError as e:
            wrong.append(f"not XML: {e}")
        for what in wrong[:10]:
            print(f"{path}: {what}")
        failed += len(wrong) > 0
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
