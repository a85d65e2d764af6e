"""The plugin ABI as one shared object, made from the public headers alone.

It defines every host function (empty), and one pointer to every type that plugins fill, so that abidw sees all that
crosses the border, whatever the server was built with. What the preprocessor hides from abidw is made visible too: flags
and numbers each as an enum (abidiff is blind to one of two equal values in one), texts such as the names of events as
names of variables."""
import pathlib
import re
import subprocess

# For tests of plugins; a module is never loaded with it.
NOT_ABI = {"testhost.h"}

# Stands in the file's name and in the newest node of symbols.map, and grows with every addition.
NOT_CONSTANT = {"SW_ABI_MINOR"}


def headers(include):
    folder = pathlib.Path(include) / "steward"
    return sorted(header for header in folder.rglob("*.h") if header.name not in NOT_ABI)


def text_of(include):
    """The headers without comments, the lines of a macro joined."""
    text = "\n".join(header.read_text(encoding="utf-8") for header in headers(include))
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")


def version(include):
    """(major, minor) as the headers say."""
    text = text_of(include)
    return tuple(int(re.search(rf"#define SW_ABI_{part}\s+(\d+)u", text).group(1)) for part in ("MAJOR", "MINOR"))


def functions(include):
    """{name: declaration} of what the host exports."""
    found = {}
    for declaration in re.findall(r"^SW_EXPORT\b([^;{]*);", text_of(include), flags=re.M):
        declaration = re.sub(r"\bSW_(MUST_USE\b|PRINTF\([^)]*\))", "", declaration)
        name = re.search(r"\b(sw_\w+)\s*\(", declaration)
        if name:
            found[name.group(1)] = " ".join(declaration.split())
    return found


def types(include):
    """Names of the structs, enums and callbacks that headers define."""
    text = text_of(include)
    return sorted(set(re.findall(r"^\}\s*(sw_\w+);", text, flags=re.M)) |
                  set(re.findall(r"^typedef enum \{.*?\}\s*(sw_\w+);", text, flags=re.M | re.S)) |
                  set(re.findall(r"^typedef [^;{}]*\(\*(sw_\w+)\)\(", text, flags=re.M)))


def constants(include):
    """Names of flags, and of macros that are a number."""
    text = text_of(include)
    flags = [name for body in re.findall(r"^enum \{(.*?)\};", text, flags=re.M | re.S)
             for name in re.findall(r"\b(SW_\w+)\s*=", body)]
    numbers = re.findall(r"^#define (SW_\w+)\s+(?:0x[0-9a-fA-F]+|\d+)u?\s*$", text, flags=re.M)
    return sorted(set(flags + numbers) - NOT_CONSTANT)


def texts(include):
    """{name: value} of macros that are a text."""
    return dict(re.findall(r'^#define (SW_\w+)\s+"([A-Za-z0-9._]+)"\s*$', text_of(include), flags=re.M))


def source(include):
    lines = [f"#include <{header.relative_to(include)}>" for header in headers(include)]
    lines += [f"{declaration} {{ __builtin_trap(); }}" for declaration in functions(include).values()]
    lines += [f"{name} *type_{name};" for name in types(include)]
    lines += [f"enum number_{name} {{ value_of_{name} = {name} }} *number_{name};" for name in constants(include)]
    lines += [f'int text_{name} __asm__("{name}.is.{value}");' for name, value in sorted(texts(include).items())]
    return "\n".join(lines) + "\n"


def build(include, folder):
    """The shared object of the headers in `include`, in `folder`."""
    folder = pathlib.Path(folder)
    (folder / "steward-abi.c").write_text(source(pathlib.Path(include)), encoding="utf-8")
    # In that folder, so that its name stands nowhere in what is made.
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O0", "-w", "-shared", "-fPIC", f"-I{pathlib.Path(include).resolve()}",
                    "steward-abi.c", "-o", "steward-abi.so"], cwd=folder, check=True)
    return folder / "steward-abi.so"
