"""A line for each public item of a crate, from the JSON that rustdoc writes."""

from render import Render


def listing(document):
    return Listing(document).lines()


class Listing:
    def __init__(self, document):
        self.index = document["index"]
        self.root = document["root"]
        # Ids of the items of this crate, with the path that a user writes. A file that is renamed does not change it.
        self.public = {}
        # Pairs of a path and an item, in the order of the source.
        self.found = []
        self.foreign = []
        self.visit_module(self.item(self.root), self.item(self.root)["name"])
        self.render = Render(document, self.public)

    def item(self, id):
        return self.index[str(id)]

    def visit_module(self, module, path):
        for id in module["inner"]["module"]["items"]:
            # Hidden and private items have an id and nothing else.
            if item := self.index.get(str(id)):
                self.visit(item, path)

    def visit(self, item, path):
        kind, inner = next(iter(item["inner"].items()))
        if item["visibility"] != "public" and kind not in ("impl", "macro"):
            return
        if kind == "use":
            self.visit_use(inner, path)
        elif kind != "impl":
            path = f"{path}::{item['name']}"
            # An item with several paths is called by the shortest.
            self.public[item["id"]] = min(self.public.get(item["id"], path), path, key=len)
            self.found.append((path, item))
            if kind == "module":
                self.visit_module(item, path)

    def visit_use(self, use, path):
        source = self.index.get(str(use["id"]))
        if source is None or source["crate_id"] != 0:
            name = "*" if use["is_glob"] else use["name"]
            # In the expansion of a macro, a path begins with the crate of the macro.
            self.foreign.append(f"pub use {path}::{name} = {use['source'].removeprefix('$crate::')}")
        elif use["is_glob"]:
            self.visit_module(source, path)
        else:
            self.visit({**source, "name": use["name"], "visibility": "public"}, path)

    def lines(self):
        lines = set(self.foreign)
        for path, item in self.found:
            name = self.public[item["id"]]
            # The members of an item stand with its shortest path.
            lines |= set(self.of_item(path, item)) if path == name else {f"pub use {path} = {name}"}
        # The path of an item decides its place, and its members follow it.
        return sorted(lines, key=lambda line: (self.render.place(line), line))

    def of_item(self, path, item):
        kind, inner = next(iter(item["inner"].items()))
        mark = "#[non_exhaustive] " if "non_exhaustive" in item["attrs"] else ""
        yield mark + getattr(self.render, kind)(path, inner)
        if kind == "macro":
            return
        if kind == "struct":
            yield from self.fields(path, inner["kind"])
        elif kind == "enum":
            for id in inner["variants"]:
                yield from self.variant(path, self.item(id))
        elif kind == "trait":
            for id in inner["items"]:
                yield self.member(path, self.item(id), "")
        for id in inner.get("impls", []):
            yield from self.implementation(path, self.item(id)["inner"]["impl"])

    def fields(self, path, kind):
        if isinstance(kind, dict):
            ids = kind["plain"]["fields"] if "plain" in kind else [id for id in kind["tuple"] if id is not None]
            for field in map(self.item, ids):
                yield f"pub {path}::{field['name']}: {self.render.type(field['inner']['struct_field'])}"

    def variant(self, path, variant):
        kind = variant["inner"]["variant"]["kind"]
        mark = "#[non_exhaustive] " if "non_exhaustive" in variant["attrs"] else ""
        path = f"{path}::{variant['name']}"
        if isinstance(kind, dict) and "tuple" in kind:
            fields = [self.item(id)["inner"]["struct_field"] if id is not None else None for id in kind["tuple"]]
            yield f"{mark}pub {path}({', '.join('_' if field is None else self.render.type(field) for field in fields)})"
        else:
            yield f"{mark}pub {path}"
            for id in kind["struct"]["fields"] if isinstance(kind, dict) else []:
                field = self.item(id)
                yield f"pub {path}::{field['name']}: {self.render.type(field['inner']['struct_field'])}"

    def implementation(self, path, impl):
        # Automatic and blanket implementations are the same for nearly all types.
        if impl["is_synthetic"] or impl["blanket_impl"] is not None:
            return
        if impl["trait"] is None:
            for item in map(self.item, impl["items"]):
                yield self.member(path, item, self.render.parameters(impl["generics"]))
            return
        # A mark of the compiler beside each derived `PartialEq`.
        if impl["trait"]["path"].endswith("StructuralPartialEq"):
            return
        yield self.render.implementation(impl)
        for item in map(self.item, impl["items"]):
            if "assoc_type" in item["inner"]:
                trait = self.render.path(impl["trait"])
                yield f"type <{self.render.type(impl['for'])} as {trait}>::{item['name']} = {self.render.type(item['inner']['assoc_type']['type'])}"

    def member(self, path, item, parameters):
        """A method, constant or type of `path`, in an implementation with these parameters or in a trait."""
        kind, inner = next(iter(item["inner"].items()))
        return getattr(self.render, kind)(f"{path}{parameters and '::' + parameters}::{item['name']}", inner)
