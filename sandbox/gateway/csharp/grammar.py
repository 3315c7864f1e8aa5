"""The grammar of the subset: what our policies use and a little around it.

The whole of C# 7 may be used in a policy expression
(learn.microsoft.com/azure/api-management/api-management-policy-expressions). What is missing here
does not parse, and the refusal says where: loops without an end, lambdas, interpolated strings,
``is`` and ``as``, ``out``, arithmetic other than ``+`` and ``-``, and so on.
"""

from functools import lru_cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from sandbox.gateway.csharp.errors import ExpressionRefused

type Node = Tree[Token]

_GRAMMAR = r"""
single: expr
block: statement+

?statement: declare ";"
    | step ";"
    | "if" "(" expr ")" statement ["else" statement]            -> if_
    | "for" "(" declare ";" expr ";" step ")" statement         -> for_
    | "foreach" "(" TYPE NAME "in" expr ")" statement           -> foreach
    | "try" body "catch" ["(" "Exception" ")"] body             -> try_
    | "return" expr ";"                                         -> return_
    | body
body: "{" statement* "}"
declare: TYPE NAME "=" expr
?step: NAME "=" expr    -> assign
    | NAME "+=" expr    -> add
    | NAME "++"         -> increment

?expr: ternary
?ternary: coalesce
    | coalesce "?" expr ":" expr    -> conditional
?coalesce: or
    | or "??" coalesce              -> coalesced
?or: and
    | or "||" and                   -> either
?and: equality
    | and "&&" equality             -> both
?equality: relation
    | equality EQUALITY relation    -> equal
?relation: additive
    | additive RELATION additive    -> related
?additive: unary
    | additive SIGN unary           -> sum
?unary: chain
    | "!" unary                     -> not_
    | CAST unary                    -> cast
?chain: primary
    | primary suffix+               -> chain
?suffix: "." NAME                           -> member
    | "?." NAME                             -> maybe_member
    | "." (NAME | GENERIC) "(" args ")"     -> call
    | "?." (NAME | GENERIC) "(" args ")"    -> maybe_call
    | "[" expr "]"                          -> index
    | "?[" expr "]"                         -> maybe_index
args: [arg ("," arg)*]
?arg: expr
    | NAME ":" expr     -> named
?primary: NAME          -> name
    | STRING            -> string
    | VERBATIM          -> verbatim
    | CHARACTER         -> character
    | INTEGER           -> integer
    | "true"            -> true
    | "false"           -> false
    | "null"            -> null
    | "(" expr ")"
    | "new" ["string"] "[" "]" "{" expr ("," expr)* "}"     -> array

TYPE.3: /(?:var|string|int|bool|JObject|JArray|JToken|Match)(?:\[\])?(?=\s+[A-Za-z_])/
GENERIC.3: /[A-Za-z_]\w*\s*<\s*(?:string|int|bool|JObject|JArray|JToken)\s*>(?=\s*\()/
CAST.3: /\(\s*(?:string|int|bool|JObject|JArray|JToken)\s*\)/
EQUALITY: "==" | "!="
RELATION: "<=" | ">=" | "<" | ">"
SIGN: "+" | "-"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
INTEGER: /[0-9]+(?![.\w])/
STRING: /"(?:[^"\\\r\n]|\\.)*"/
VERBATIM: /@"(?:[^"]|"")*"/
CHARACTER: /'(?:[^'\\\r\n]|\\.)'/
COMMENT: /\/\/[^\n]*/ | /\/\*(?s:.*?)\*\//

%ignore /\s+/
%ignore COMMENT
"""

_PARSER = Lark(
    _GRAMMAR, parser="lalr", start=["single", "block"], propagate_positions=True, cache=False
)


@lru_cache(maxsize=4096)
def parse(expression: str) -> Node:
    """Read ``@(...)`` or ``@{...}``.

    Raises:
        ExpressionRefused: naming what can't be read, and where.
    """
    text = expression.strip()
    start = {"@(": "single", "@{": "block"}.get(text[:2])
    if start is None or text[-1] != {"single": ")", "block": "}"}[start]:
        raise ExpressionRefused("A policy expression is @(...) or @{...}.")
    try:
        return _PARSER.parse(text[2:-1], start=start)
    except UnexpectedInput as exc:
        raise ExpressionRefused(_said(exc, text[2:-1])) from None


def place(node: Node) -> str:
    """Where something stands, counted from the character after ``@(`` or ``@{``."""
    return f"at line {node.meta.line}, column {node.meta.column}" if not node.meta.empty else ""


def _said(exc: UnexpectedInput, text: str) -> str:
    where = f"at line {exc.line}, column {exc.column}"
    match exc:
        case UnexpectedToken() if exc.token.type != "$END":
            return f"'{exc.token}' {where} is not in the C# of this gateway."
        case UnexpectedCharacters():
            found = text[exc.pos_in_stream :][:10]
            return f"'{found}' {where} is not in the C# of this gateway."
        case UnexpectedToken() | UnexpectedEOF():
            return "The expression ends too early."
    return str(exc)
