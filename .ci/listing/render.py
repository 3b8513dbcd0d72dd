"""Rust's syntax from the JSON that rustdoc writes. A construct that is not known here fails, so that no listing leaves anything out."""

import re


class Render:
    def __init__(self, document, public):
        self.paths = document["paths"]
        self.public = public

    # Items: their kind in the JSON is the name of the method.

    def module(self, path, inner):
        return f"pub mod {path}"

    def struct(self, path, inner):
        kind = inner["kind"]
        tail = "(..)" if isinstance(kind, dict) and "tuple" in kind else " {..}" if isinstance(kind, dict) else ""
        return f"pub struct {path}{self.parameters(inner['generics'])}{tail}{self.where(inner['generics'])}"

    def enum(self, path, inner):
        return f"pub enum {path}{self.parameters(inner['generics'])}{self.where(inner['generics'])}"

    def trait(self, path, inner):
        unsafe = "unsafe " if inner["is_unsafe"] else ""
        generics = inner["generics"]
        return f"pub {unsafe}trait {path}{self.parameters(generics)}{self.bounds(inner['bounds'], ': ')}{self.where(generics)}"

    def type_alias(self, path, inner):
        return f"pub type {path}{self.parameters(inner['generics'])} = {self.type(inner['type'])}{self.where(inner['generics'])}"

    def constant(self, path, inner):
        return f"pub const {path}: {self.type(inner['type'])}"

    def static(self, path, inner):
        return f"pub static {path}: {self.type(inner['type'])}"

    def macro(self, path, inner):
        return f"pub macro {path}!"

    def function(self, path, inner):
        header, signature, generics = inner["header"], inner["sig"], inner["generics"]
        words = [word for word in ("const", "async", "unsafe") if header[f"is_{word}"]]
        provided = "" if inner["has_body"] else " (required)"
        return f"{' '.join(['pub', *words, 'fn'])} {path}{self.parameters(generics)}{self.signature(signature)}{self.where(generics)}{provided}"

    def assoc_const(self, path, inner):
        return f"pub const {path}: {self.type(inner['type'])}"

    def assoc_type(self, path, inner):
        default = f" = {self.type(inner['type'])}" if inner["type"] else ""
        return f"pub type {path}{self.parameters(inner['generics'])}{self.bounds(inner['bounds'], ': ')}{default}"

    def implementation(self, impl):
        unsafe, negative = "unsafe " * impl["is_unsafe"], "!" * impl["is_negative"]
        generics = impl["generics"]
        trait, of = self.path(impl["trait"]), self.type(impl["for"])
        return f"{unsafe}impl{self.parameters(generics)} {negative}{trait} for {of}{self.where(generics)}"

    # Types.

    def type(self, type):
        if type == "infer":
            return "_"
        kind, inner = next(iter(type.items()))
        match kind:
            case "resolved_path":
                return self.path(inner)
            case "generic" | "primitive":
                return "!" if inner == "never" else inner
            case "tuple":
                return f"({', '.join(map(self.type, inner))}{',' if len(inner) == 1 else ''})"
            case "slice":
                return f"[{self.type(inner)}]"
            case "array":
                return f"[{self.type(inner['type'])}; {inner['len']}]"
            case "borrowed_ref":
                lifetime = f"{inner['lifetime']} " if inner["lifetime"] else ""
                return f"&{lifetime}{'mut ' if inner['is_mutable'] else ''}{self.type(inner['type'])}"
            case "raw_pointer":
                return f"*{'mut' if inner['is_mutable'] else 'const'} {self.type(inner['type'])}"
            case "dyn_trait":
                traits = [self.binder(trait["generic_params"]) + self.path(trait["trait"]) for trait in inner["traits"]]
                return f"(dyn {' + '.join(traits + [inner['lifetime']] * bool(inner['lifetime']))})"
            case "impl_trait":
                return f"impl {self.bounds(inner)}"
            case "function_pointer":
                return f"{self.binder(inner['generic_params'])}fn{self.signature(inner['sig'])}"
            case "qualified_path":
                of = self.type(inner["self_type"])
                trait = inner["trait"]
                of = f"<{of} as {self.path(trait)}>" if trait and trait["path"] else of
                return f"{of}::{inner['name']}{self.arguments(inner['args'])}"
        raise ValueError(f"a type of the kind {kind}")

    def path(self, path):
        return self.name(path) + self.arguments(path["args"])

    def name(self, path):
        """The public path of an item of this crate; crate and name of one of another crate."""
        if path["id"] in self.public:
            return self.public[path["id"]]
        known = self.paths.get(str(path["id"]))
        if known is None:
            return path["path"]
        segments = known["path"]
        # A module of a sibling may be private, and its name is nobody's business then. Those of the standard library tell types apart.
        return "::".join([segments[0], segments[-1]] if segments[0].startswith("ws_") else segments)

    def arguments(self, arguments):
        if not arguments:
            return ""
        kind, inner = next(iter(arguments.items()))
        match kind:
            case "angle_bracketed":
                listed = [self.argument(argument) for argument in inner["args"]]
                listed += [self.constraint(constraint) for constraint in inner["constraints"]]
                return f"<{', '.join(listed)}>" if listed else ""
            case "parenthesized":
                output = f" -> {self.type(inner['output'])}" if inner["output"] else ""
                return f"({', '.join(map(self.type, inner['inputs']))}){output}"
        raise ValueError(f"arguments of the kind {kind}")

    def argument(self, argument):
        if argument == "infer":
            return "_"
        kind, inner = next(iter(argument.items()))
        match kind:
            case "lifetime":
                return inner
            case "type":
                return self.type(inner)
            case "const":
                return inner["expr"]
        raise ValueError(f"an argument of the kind {kind}")

    def constraint(self, constraint):
        kind, inner = next(iter(constraint["binding"].items()))
        name = constraint["name"] + self.arguments(constraint["args"])
        return f"{name} = {self.term(inner)}" if kind == "equality" else f"{name}{self.bounds(inner, ': ')}"

    def term(self, term):
        return self.type(term["type"]) if "type" in term else term["constant"]["expr"]

    # Parameters and their bounds.

    def signature(self, signature):
        inputs = [self.input(name, type) for name, type in signature["inputs"]]
        output = f" -> {self.type(signature['output'])}" if signature["output"] else ""
        return f"({', '.join(inputs)}){output}"

    def input(self, name, type):
        rendered = self.type(type)
        if name == "self" and re.fullmatch(r"(&('\w+ )?(mut )?)?Self", rendered):
            return rendered.replace("Self", "self")
        # The name of a parameter is not part of the API.
        return f"self: {rendered}" if name == "self" else rendered

    def parameters(self, generics):
        listed = [self.parameter(parameter) for parameter in generics["params"]]
        listed = [text for text in listed if text]
        return f"<{', '.join(listed)}>" if listed else ""

    def parameter(self, parameter):
        kind, inner = next(iter(parameter["kind"].items()))
        name = parameter["name"]
        match kind:
            case "lifetime":
                return f"{name}: {' + '.join(inner['outlives'])}" if inner["outlives"] else name
            case "type":
                # The type of an argument `impl Trait` is shown with the argument.
                default = f" = {self.type(inner['default'])}" if inner["default"] else ""
                return "" if inner["is_synthetic"] else f"{name}{self.bounds(inner['bounds'], ': ')}{default}"
            case "const":
                return f"const {name}: {self.type(inner['type'])}"
        raise ValueError(f"a parameter of the kind {kind}")

    def where(self, generics):
        listed = [self.predicate(predicate) for predicate in generics["where_predicates"]]
        return f" where {', '.join(listed)}" if listed else ""

    def predicate(self, predicate):
        kind, inner = next(iter(predicate.items()))
        match kind:
            case "bound_predicate":
                return self.binder(inner["generic_params"]) + self.type(inner["type"]) + self.bounds(inner["bounds"], ": ")
            case "lifetime_predicate":
                return f"{inner['lifetime']}: {' + '.join(inner['outlives'])}"
            case "eq_predicate":
                return f"{self.type(inner['lhs'])} = {self.term(inner['rhs'])}"
        raise ValueError(f"a predicate of the kind {kind}")

    def bounds(self, bounds, before=""):
        listed = [self.bound(bound) for bound in bounds]
        return before + " + ".join(listed) if listed else ""

    def bound(self, bound):
        kind, inner = next(iter(bound.items()))
        match kind:
            case "trait_bound":
                modifier = {"none": "", "maybe": "?", "maybe_const": "~const "}[inner["modifier"]]
                return modifier + self.binder(inner["generic_params"]) + self.path(inner["trait"])
            case "outlives":
                return inner
            case "use":
                return f"use<{', '.join(next(iter(part.values())) for part in inner)}>"
        raise ValueError(f"a bound of the kind {kind}")

    def binder(self, parameters):
        listed = ", ".join(map(self.parameter, parameters))
        return f"for<{listed}> " if listed else ""

    def place(self, line):
        """The path that a line is about. A line of an implementation is beside its type."""
        implemented = re.search(r"(?:^| )impl.* for ([\w:]+)|^type <([\w:]+)", line)
        if implemented:
            return implemented[1] or implemented[2] or ""
        return re.search(r"\b(ws_\w+(?:::\w+)*)", line)[1]
