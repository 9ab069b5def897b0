// What is changed in a source file, one thing at a time. Each mutator looks at one node of the syntax tree and says what
// may stand there instead. What a type checker alone would notice is a change as well: the tests have to see it.
//   - conditions      always true, always false; `&&` for `||`; boundaries; equality turned round; `!` dropped
//   - arithmetic      the opposite operator
//   - literals        a number is 0 (0 is 1), a word is "", a boolean is the other, a list is empty
//   - what is there   a block does nothing, a function gives nothing, `??` and `?.` are dropped, a spread spreads nothing
//   - lists and texts `some` for `every`, `filter`, `slice`, `toSorted` and the like are left out
// Not changed: texts that people read (anything with a blank in it), patterns, and what the compiler asks for behind the
// look-up of a place in a list or record that is known to be there (`list[at] ?? 0`, `list[at]?.name`), or in a branch that no type leaves (`unreachable(value)`).

const OPPOSITES = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "+=": ["-="],
  "-=": ["+="],
  "*=": ["/="],
  "++": ["--"],
  "--": ["++"],
  "&&": ["||"],
  "||": ["&&"],
};
const COMPARISONS = new Set(["<", "<=", ">", ">=", "===", "!==", "in", "instanceof"]);
const SWAPPED = {
  some: "every",
  every: "some",
  min: "max",
  max: "min",
  startsWith: "endsWith",
  endsWith: "startsWith",
  find: "findLast",
  findIndex: "findLastIndex",
  push: "unshift",
  shift: "pop",
};
const LEFT_OUT = new Set(["filter", "slice", "toSorted", "sort", "toReversed", "reverse", "trim", "toLowerCase", "concat"]);

/**
 * The changes of a node: `{ at: [from, to], text, kind }`. `kind` is "expression" where `text` takes the place of the
 * expression, "block" where the statements between are left out.
 */
export function mutationsOf(node, parent, code) {
  if (isForTheCompiler(node, parent)) return [];
  return (MUTATORS[node.type]?.(node, parent, (part) => code.slice(part.start, part.end)) ?? [])
    .map((one) => (typeof one === "string" ? { at: [node.start, node.end], text: one, kind: "expression" } : one))
    .filter(({ at, text, kind }) => kind === "block" || code.slice(...at) !== text);
}

/** `unreachable(value)` in place of a branch that no type leaves, and the other side of `list[at] ?? other`. */
const isForTheCompiler = (node, parent) =>
  (parent.type === "LogicalExpression" && parent.operator === "??" && parent.right === node && isLookUp(parent.left)) ||
  (node.argument ?? node.body)?.callee?.name === "unreachable";

const MUTATORS = {
  IfStatement: ({ test }, _parent, text) => conditions(test, text),
  ConditionalExpression: ({ test }, _parent, text) => conditions(test, text),
  WhileStatement: ({ test }) => [replace(test, "false")],
  ForStatement: ({ test }) => (test ? [replace(test, "false")] : []),
  BinaryExpression: (node, parent, text) => [...operators(node, text), ...verdicts(node, parent)],
  LogicalExpression: (node, parent, text) =>
    node.operator === "??"
      ? isLookUp(node.left)
        ? []
        : [text(node.left)]
      : [...operators(node, text), ...verdicts(node, parent)],
  UnaryExpression: ({ operator, argument }, _parent, text) =>
    operator === "!" || (operator === "-" && argument.type !== "Literal") ? [text(argument)] : [],
  UpdateExpression: ({ operator, prefix, argument }, _parent, text) =>
    OPPOSITES[operator].map((other) => (prefix ? `${other}${text(argument)}` : `${text(argument)}${other}`)),
  AssignmentExpression: (node, _parent, text) => operators(node, text),
  Literal: (node, parent) => literal(node, parent),
  TemplateLiteral: (node, parent) =>
    parent.type === "TaggedTemplateExpression" || node.quasis.some(({ value }) => /\s/.test(value.raw)) ? [] : ["``"],
  ArrayExpression: ({ elements }) => (elements.length > 0 ? ["[]"] : []),
  SpreadElement: ({ argument }, parent) => [replace(argument, parent.type === "ObjectExpression" ? "{}" : "[]")],
  ChainExpression: (node, _parent, text) =>
    isLookUp(node) ? [] : [text(node).replace("?.", /\?\.[[(]/.test(text(node)) ? "" : ".")],
  CallExpression: (node, parent, text) => calls(node, parent, text),
  ArrowFunctionExpression: ({ body }) => (body.type === "BlockStatement" ? [] : [replace(body, "undefined")]),
  ReturnStatement: ({ argument }, parent) =>
    argument === null || parent.body?.[0]?.argument === argument ? [] : [replace(argument, "undefined")],
  BlockStatement: (node, parent) =>
    node.body.length === 0 || hasSuper(node) || parent.type === "TryStatement"
      ? []
      : [{ at: [node.start + 1, node.end - 1], text: "", kind: "block" }],
};

const replace = (node, text) => ({ at: [node.start, node.end], text, kind: "expression" });

const conditions = (test, text) => ["true", "false"].filter((value) => value !== text(test)).map((value) => replace(test, value));

/** What a function decides is a condition as well. */
function verdicts(node, parent) {
  const decides = parent.type === "ArrowFunctionExpression" || parent.type === "ReturnStatement";
  return decides && (node.type === "LogicalExpression" || COMPARISONS.has(node.operator)) ? ["true", "false"] : [];
}

function operators({ left, operator, right }, text) {
  const isText =
    operator === "+" && [left, right].some(({ type, value }) => type === "TemplateLiteral" || typeof value === "string");
  return isText ? [] : (OPPOSITES[operator] ?? []).map((other) => `${text(left)} ${other} ${text(right)}`);
}

function literal({ value, start, end }, parent) {
  if (parent.type === "ImportAttribute" || "source" in parent || (parent.key?.start === start && !parent.computed)) return [];
  if (typeof value === "boolean") return [String(!value)];
  if (typeof value === "number") return [value === 0 ? "1" : "0"];
  return typeof value === "string" && end - start > 2 && !/\s/.test(value) ? ['""'] : [];
}

function calls({ callee, arguments: given, optional }, parent, text) {
  if (callee.type !== "MemberExpression" || callee.computed || callee.optional || optional) return [];
  if (isInChain(callee.object) || parent.type === "ChainExpression") return [];
  const name = callee.property.name;
  if (LEFT_OUT.has(name)) return [text(callee.object)];
  if (!Object.hasOwn(SWAPPED, name)) return [];
  return [`${text(callee.object)}.${SWAPPED[name]}(${given.map(text).join(", ")})`];
}

/** True where `?.` stands further to the left: what is cut out there would no longer stop at it. */
const isInChain = (node) =>
  node !== undefined && (node.optional === true || isInChain(node.type === "CallExpression" ? node.callee : node.object));

/** True for `list[at]`, `list[at]?.name` and `list.at(at)?.name`. */
function isLookUp(node) {
  if (node === undefined || node === null) return false;
  if (node.type === "ChainExpression") return isLookUp(node.expression);
  if (node.type === "CallExpression") return node.callee.property?.name === "at" || isLookUp(node.callee);
  if (node.type !== "MemberExpression") return false;
  return node.computed || isLookUp(node.object);
}

const hasSuper = ({ body }) => body.some(({ expression }) => expression?.callee?.type === "Super");
