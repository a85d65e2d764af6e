"""steward-plugin(7) as something to build: what stands in it between .\\" begin and .\\" end."""
import os
import re

from support.steward import ROOT

SOURCE = os.path.join(ROOT, "packaging/man/steward-plugin.7")


def source():
    with open(SOURCE, encoding="utf-8") as page:
        return page.read()


def plain(roff):
    for mark, meant in (("\\&", ""), ("\\-", "-"), ("\\(aq", "'"), ("\\(dq", '"'), ("\\e", "\\")):
        roff = roff.replace(mark, meant)
    return roff


def blocks(page):
    """[(kind, name, text)]."""
    found = re.findall(r'^\.\\" begin (\w+) (\S+)\n(.*?)^\.\\" end$', page, re.M | re.S)
    return [(kind, name, plain(text)) for kind, name, text in found]


def named(page, kind, name):
    [text] = [text for k, n, text in blocks(page) if (k, n) == (kind, name)]
    return text


def files(page, folder):
    """{name: text} of the files FOLDER/*."""
    return {os.path.basename(name): text for kind, name, text in blocks(page)
            if kind == "file" and name.startswith(folder + "/")}
