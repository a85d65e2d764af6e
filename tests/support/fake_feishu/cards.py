"""What the platform refuses in a card."""
import json

CARD_BYTES = 30 << 10
TEMPLATES = {"blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple", "indigo",
             "grey", "default"}
V1_TAGS = {"markdown", "div", "hr", "img", "action", "note", "column_set", "input", "form", "table"}


class BadCard(ValueError):
    """Becomes 230099."""


def _need(holds, text):
    if not holds:
        raise BadCard(text)


def _text(node, where):
    _need(isinstance(node, dict) and node.get("tag") in ("plain_text", "lark_md") and isinstance(node.get("content"), str),
          f"{where} is no text object")


def buttons(card):
    """Every button of a card of either version: {"text", "value"}."""
    found = []

    def walk(node):
        if isinstance(node, list):
            for item in node:
                walk(item)
        elif isinstance(node, dict):
            if node.get("tag") == "button":
                value = node.get("value")
                for behaviour in node.get("behaviors", []):
                    value = behaviour.get("value", value)
                found.append({"text": node.get("text", {}).get("content"), "value": value})
            for item in node.values():
                walk(item)

    walk(card)
    return found


def text(card):
    """All that is written on it, joined."""
    found = []

    def walk(node):
        if isinstance(node, list):
            for item in node:
                walk(item)
        elif isinstance(node, dict):
            if isinstance(node.get("content"), str):
                found.append(node["content"])
            for item in node.values():
                walk(item)

    walk(card)
    return "\n".join(found)


def check(card):
    """Raises BadCard."""
    _need(isinstance(card, dict), "a card is an object")
    _need(len(json.dumps(card, ensure_ascii=False).encode()) <= CARD_BYTES, "the card is larger than 30 KB")
    header = card.get("header")
    if header is not None:
        _text(header.get("title"), "header.title")
        _need(header.get("template", "blue") in TEMPLATES, "unknown header.template")
    second = card.get("schema") == "2.0"
    elements = card.get("body", {}).get("elements") if second else card.get("elements")
    _need(isinstance(elements, list) and elements, "elements is no list, or empty")
    for element in elements:
        tag = element.get("tag") if isinstance(element, dict) else None
        _need(isinstance(tag, str), "an element without tag")
        _need(not (second and tag == "action"), "schema 2.0 has no action block")
        _need(second or tag in V1_TAGS, f"unknown element {tag}")
        if tag == "markdown":
            _need(isinstance(element.get("content"), str) and element["content"], "markdown without content")
        if tag == "action":
            _need(isinstance(element.get("actions"), list) and element["actions"], "an action block without actions")
    for button in buttons(card):
        _need(isinstance(button["text"], str), "a button without text")
        _need(isinstance(button["value"], dict), "the value of a button must be an object")
