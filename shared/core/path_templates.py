"""A path of ARM without the names in it: few enough to group by, and nobody's own words."""

import re

_TYPE = re.compile(r"[A-Za-z][A-Za-z.]*")
_NAME = "{name}"


def path_template(path: str) -> str:
    """*path* with every name replaced.

    Types and names take turns, and start anew after ``providers/{namespace}``
    (learn.microsoft.com/rest/api/azure, resource ids)::

        /subscriptions/{name}/providers/Microsoft.ApiManagement/service/{name}/apis

    What stands where a type should and can't be one is a name as well.
    """
    words, found, at = [word for word in path.split("/") if word], list[str](), 0
    while at < len(words):
        if words[at].lower() == "providers":
            found += [words[at], *words[at + 1 : at + 2]]
        else:
            found += [_type(words[at]), *(_NAME for _ in words[at + 1 : at + 2])]
        at += 2
    return "/" + "/".join(found)


def _type(word: str) -> str:
    return word if _TYPE.fullmatch(word) else _NAME
