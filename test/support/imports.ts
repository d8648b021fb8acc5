import {
  isCallExpression,
  isElementAccessExpression,
  isExportDeclaration,
  isExternalModuleReference,
  isIdentifier,
  isImportDeclaration,
  isImportEqualsDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isMetaProperty,
  isModuleDeclaration,
  isNoSubstitutionTemplateLiteral,
  isPropertyAccessExpression,
  isStringLiteral,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'

interface Found {
  readonly specifier: string
  readonly typeOnly: boolean
}

/** The module that a node of the syntax tree imports, whichever way. */
export function importIn(node: Node): Found | null {
  if (isImportDeclaration(node))
    return found(node.moduleSpecifier, node.importClause?.phaseModifier === SyntaxKind.TypeKeyword)
  if (isExportDeclaration(node)) return found(node.moduleSpecifier, node.isTypeOnly)
  if (isImportEqualsDeclaration(node))
    return isExternalModuleReference(node.moduleReference)
      ? found(node.moduleReference.expression, node.isTypeOnly)
      : null
  if (isImportTypeNode(node)) return isLiteralTypeNode(node.argument) ? found(node.argument.literal, true) : null
  // `declare module './a.ts'` adds to the types of that module.
  if (isModuleDeclaration(node)) return found(node.name, true)
  return isCallExpression(node) && loadsItsArgument(node.expression) ? found(node.arguments[0], false) : null
}

function found(name: Node | undefined, typeOnly: boolean): Found | null {
  const specifier = constantOf(name)
  return specifier === null ? null : { specifier, typeOnly }
}

const constantOf = (node: Node | undefined): string | null =>
  node && (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) ? node.text : null

/** `import`, `require` and `process.getBuiltinModule`. */
function loadsItsArgument(callee: Node): boolean {
  if (callee.kind === SyntaxKind.ImportKeyword) return true
  if (isIdentifier(callee)) return callee.text === 'require'
  return isPropertyAccessExpression(callee) && callee.name.text === 'getBuiltinModule'
}

/** Names by which code gets hold of a module, or runs a string. */
const LOADERS: ReadonlySet<string> = new Set([
  ...['require', 'getBuiltinModule', 'eval', 'Function', 'Worker', 'SharedWorker', 'importScripts'],
])

/** What may load a module that cannot be read from the syntax tree. */
export function loaderIn(node: Node): string | null {
  if (isMetaProperty(node) && node.name.text === 'meta') return 'import.meta'
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword)
    return importIn(node) ? null : 'import() without a constant'
  const name = isElementAccessExpression(node)
    ? constantOf(node.argumentExpression)
    : isIdentifier(node)
      ? node.text
      : ''
  return LOADERS.has(name ?? '') && !isHarmless(node) ? name : null
}

/** The callee of an import that was found; a type; a member of something else that has that name: `redis.eval(…)`. */
function isHarmless(node: Node): boolean {
  const { parent } = node
  const callee = isPropertyAccessExpression(parent) ? parent : node
  if (isCallExpression(callee.parent) && loadsItsArgument(callee)) return importIn(callee.parent) !== null
  if (callee === parent && isPropertyAccessExpression(parent))
    return parent.name.text === 'eval' && !/^(?:global|globalThis)$/.test(nameOf(parent.expression))
  return NEITHER_CALL_NOR_VALUE.has(parent.kind)
}

const NEITHER_CALL_NOR_VALUE: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.TypeReference,
  SyntaxKind.MethodSignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.PropertySignature,
])

const nameOf = (node: Node) => (isIdentifier(node) ? node.text : '')
