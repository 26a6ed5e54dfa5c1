"""The arguments of a constructor, recorded so that an object can be made again with others."""

import contextlib
import inspect
import json


def _signatures(cls):
    """Returns the signatures that a constructor's arguments go through.

    A constructor with `**kwargs` passes them on to that of the next class.
    """
    found = []
    for owner in cls.__mro__[:-1]:
        if "__init__" not in vars(owner):
            continue
        parameters = list(inspect.signature(owner.__init__).parameters.values())[1:]
        found.append(inspect.Signature(parameters))
        if not any(one.kind == one.VAR_KEYWORD for one in parameters):
            break
    return found or [inspect.Signature()]


def argument_names(cls):
    """Returns the names of the constructor's arguments."""
    parameters = [one for signature in _signatures(cls) for one in signature.parameters.values()]
    names = [one.name for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    return list(dict.fromkeys(names))


def recorded(cls, args, kwargs):
    """Returns the constructor's arguments as a dict; "*" has the positional ones without a name."""
    signatures = _signatures(cls)
    named = dict(signatures[0].bind_partial(*args, **kwargs).arguments)
    rest = ()
    for one in signatures[0].parameters.values():
        if one.kind == one.VAR_POSITIONAL:
            rest = named.pop(one.name, ())
        elif one.kind == one.VAR_KEYWORD:
            named |= named.pop(one.name, {})
    for signature in signatures[1:]:
        places = [one.name for one in signature.parameters.values() if one.kind == one.POSITIONAL_OR_KEYWORD]
        named |= dict(zip(places, rest, strict=False))
        rest = rest[len(places) :]
    return {**named, "*": rest} if rest else named


def remade(cls, arguments):
    """Returns a new object of `cls` with these constructor arguments, named as `recorded` does."""
    signature = _signatures(cls)[0]
    known, more = {}, {}
    for name, value in arguments.items():
        (known if name in signature.parameters else more)[name] = value
    rest = more.pop("*", ())
    for one in signature.parameters.values():
        if one.kind == one.VAR_POSITIONAL:
            known[one.name] = rest
        elif one.kind == one.VAR_KEYWORD:
            known[one.name] = more
    bound = inspect.BoundArguments(signature, known)
    return cls(*bound.args, **bound.kwargs)


def json_values(arguments):
    """Returns those of recorded arguments that have a name and are JSON values, as JSON has them."""
    found = {}
    for name, value in arguments.items():
        with contextlib.suppress(TypeError, ValueError):
            found[name] = json.loads(json.dumps(value))
    found.pop("*", None)
    return found
