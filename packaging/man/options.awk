# From config/steward.conf, which lists every option, to the section OPTIONS of steward.conf(5): one item an option.

function roff(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    sub(/^[.']/, "\\\\\\&&", text)
    return text
}

function forget()
{
    words = facts = ""
}

/^# / {
    line = substr($0, 3)
    if (line ~ /^\(/) { # what it is, and its names in the environment; one that came before belongs to the sentence
        words = words (words == "" || facts == "" ? "" : " ") facts
        facts = line
    } else if (facts != "") {
        facts = facts " " line
    } else {
        words = words (words == "" ? "" : " ") line
    }
    next
}

/^\[/ {
    print ".SS " roff($0)
    if (words != "")
        print roff(words)
    forget()
    next
}

/^#[a-z][a-z0-9_]* =/ {
    name = substr($1, 2)
    value = $0
    sub(/^[^=]*= ?/, "", value)
    print ".TP"
    print ".B " roff(name)
    print roff(words)
    print ".br"
    print roff(facts)
    print ".br"
    print value == "" ? "Default: empty." : "Default: " roff(value)
    forget()
    next
}

/^$/ {
    forget()
}
