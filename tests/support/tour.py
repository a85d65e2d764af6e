"""The README's tour, run for real. `tour.py URL PASSWORD < text` fills the outputs in; tests/e2e/test_readme.py compares."""
import re
import subprocess
import sys
import tempfile

ADDRESS = "http://127.0.0.1:8080"
MASKS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
    (r"ec_[A-Za-z0-9_-]{43}", "TOKEN"),
    (r'"token_hint":"[^"]*"', '"token_hint":"HINT"'),
    (r'"request_id":"[^"]*"', '"request_id":"ID"'),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r'"server":"[^"]*"', '"server":"VERSION"'),
]


def mask(text):
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text


def blocks(text):
    """(start, end) of what stands inside each ```console block."""
    return [found.span(1) for found in re.finditer(r"```console\n(.*?)```", text, re.S)]


def commands(block):
    """[command, what the page shows for it]; a here-document belongs to its command."""
    found, inside = [], None
    for line in block.splitlines():
        if inside is not None:
            found[-1][0] += "\n" + line
            inside = None if line == inside else inside
        elif line.startswith("$ "):
            found.append([line[2:], ""])
            here = re.search(r"<<'(\w+)'$", line)
            inside = here.group(1) if here else None
        else:
            found[-1][1] += line + "\n"
    return found


class Shell:
    """One bash; run() gives what a command printed."""

    def __init__(self, password):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(["bash", "-m"], cwd=self.folder.name, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env={"PATH": "/usr/bin:/bin", "PASSWORD": password, "HOME": self.folder.name})

    def run(self, command):
        self.process.stdin.write(command + "\necho; echo '--done--'\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == "--done--\n":
                text = "".join(lines)
                return text[:-1] if text.endswith("\n\n") or text == "\n" else text
            lines.append(line)
        raise AssertionError(f"the shell ended at: {command}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
        self.folder.cleanup()


def run_all(text, url, password):
    """Yields (span of the block, [[command, shown, got]])."""
    shell = Shell(password)
    try:
        for start, end in blocks(text):
            yield (start, end), [[command, shown, shell.run(command.replace(ADDRESS, url))]
                                 for command, shown in commands(text[start:end])]
    finally:
        shell.close()


def fill(text, url, password):
    out, at = "", 0
    for (start, end), done in run_all(text, url, password):
        out += text[at:start]
        for command, _, got in done:
            out += f"$ {command}\n{got}"
        at = end
    return out + text[at:]


if __name__ == "__main__":
    sys.stdout.write(fill(sys.stdin.read(), sys.argv[1], sys.argv[2]))
