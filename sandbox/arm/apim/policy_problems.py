"""How the service words what it finds wrong in a policy document.

Messages seen in public: "Error in element 'cors' on line 2, column 5: Policy section is not allowed
in the specified scope" (MicrosoftDocs/azure-docs#111058), "... The element 'set-header' cannot
contain text. List of possible elements expected: 'value'." (microsoft/vscode-apimanagement#145),
"Backend with id 'x' could not be found." (Azure/apiops#565). The other wordings are UNVERIFIED and
follow these patterns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.arm.apim.policy_xml import Element, Text


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    target: str
    message: str


def problem(element: Element, text: str) -> PolicyProblem:
    spot = f"on line {element.line}, column {element.column}"
    return PolicyProblem(element.name, f"Error in element '{element.name}' {spot}: {text}")


def unexpected(parent: str, child: str, expected: Sequence[str]) -> str:
    return f"The element '{parent}' has invalid child element '{child}'.{_hint(expected)}"


def incomplete(element: Element, expected: Sequence[str]) -> PolicyProblem:
    text = f"The element '{element.name}' has incomplete content.{_hint(expected)}"
    return problem(element, text)


def missing_attribute(element: Element, name: str) -> PolicyProblem:
    return problem(element, f"The required attribute '{name}' is missing.")


def no_text(element: Element, expected: Sequence[str]) -> Iterator[PolicyProblem]:
    if any(isinstance(child, Text) and child.value.strip() for child in element.children):
        text = f"The element '{element.name}' cannot contain text.{_hint(expected)}"
        yield problem(element, text)


def _hint(expected: Sequence[str]) -> str:
    options = "', '".join(expected)
    return f" List of possible elements expected: '{options}'." if expected else ""
