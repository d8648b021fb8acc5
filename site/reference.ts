import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  Application,
  DeclarationReflection,
  type ProjectReflection,
  ReferenceReflection,
  ReflectionKind,
} from 'typedoc'
import { entryPoints, packages, root } from '../scripts/packages.ts'
import type { ReferencePage } from './sidebar.ts'
import { slug } from './slug.ts'

/** One exported name, as the reference has it. */
export interface Export {
  /** What is imported: `strongroom/redis`. */
  readonly specifier: string
  readonly name: string
  /** Whether its docstring says something. One that is exported by two modules is described at the first. */
  readonly documented: boolean
}

/** Import specifier → source file of all that is public. `internal` is for our own packages, and promises nothing. */
export const publicEntryPoints = (): [specifier: string, file: string][] =>
  packages.flatMap((each) => [...entryPoints(each)]).filter(([name]) => !name.endsWith('/internal'))

export interface Reference {
  readonly exports: readonly Export[]
  /** In the order of the packages and their exports. */
  readonly pages: readonly ReferencePage[]
}

/** Writes the reference into a folder: a page for each import specifier, made from the docstrings. */
export async function referencePages(folder: string): Promise<Reference> {
  const points = publicEntryPoints()
  const app = await Application.bootstrapWithPlugins({
    entryPoints: points.map(([, file]) => join(root, file)),
    basePath: root,
    tsconfig: join(root, 'site', 'tsconfig.reference.json'),
    plugin: ['typedoc-plugin-markdown'],
    // `npm run types` checks them, with the compiler that the repository uses.
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    disableSources: true,
    readme: 'none',
    gitRevision: 'main',
    logLevel: 'Warn',
    validation: { invalidLink: true, notExported: false, notDocumented: false, rewrittenLink: false },
    outputs: [{ name: 'markdown', path: folder }],
  })
  for (const [name, value] of Object.entries(MARKDOWN)) app.options.setValue(name as never, value as never)
  const project = await app.convert()
  if (!project) throw new Error('typedoc could not read the sources.')
  nameModules(project, points)
  removeInherited(project)
  await app.generateOutputs(project)
  polish(folder)
  const place = (specifier: string) => {
    const file = [`${specifier}.md`, `${specifier}/index.md`].find((each) => existsSync(join(folder, each)))
    if (!file) throw new Error(`typedoc made no page for ${specifier}.`)
    return `reference/${file}`
  }
  return {
    exports: project.children?.flatMap(exportsOf) ?? [],
    pages: points.map(([specifier]) => ({ text: specifier, place: place(specifier) })),
  }
}

const MARKDOWN = {
  router: 'module',
  entryFileName: 'index',
  hideBreadcrumbs: true,
  hidePageHeader: true,
  parametersFormat: 'table',
  typeDeclarationFormat: 'table',
  propertyMembersFormat: 'table',
  useHTMLEncodedBrackets: true,
  tableColumnSettings: { hideInherited: true, hideOverrides: true, hideSources: true },
}

/** A module is named by what is imported, and not by the path of its file. */
function nameModules(project: ProjectReflection, points: readonly (readonly [string, string])[]): void {
  const specifiers = new Map(points.map(([specifier, file]) => [join(root, file), specifier]))
  for (const module of project.children ?? []) {
    const specifier = specifiers.get(project.getSymbolIdFromReflection(module)?.fileName ?? '')
    if (specifier === undefined) throw new Error(`typedoc has a module ${module.name}, which no package exports.`)
    module.name = specifier
  }
}

/** What a class or an interface has from another that is documented itself is described there, and not in each of its heirs. */
function removeInherited(project: ProjectReflection): void {
  const owners = project.getReflectionsByKind(ReflectionKind.ClassOrInterface) as DeclarationReflection[]
  const isDescribedElsewhere = (member: DeclarationReflection) => {
    const [signature] = [member.getSignature, ...(member.signatures ?? [])].filter((each) => each !== undefined)
    const origin = member.inheritedFrom ?? signature?.inheritedFrom
    return member.kindOf(ReflectionKind.Constructor) ? origin !== undefined : origin?.reflection !== undefined
  }
  for (const owner of owners) {
    const inherited = owner.children?.filter(isDescribedElsewhere) ?? []
    for (const member of inherited) project.removeReflection(member)
    // typedoc has grouped them already, and the groups are what is written.
    for (const group of owner.groups ?? [])
      group.children = group.children.filter((member) => !inherited.some((each) => each === member))
    owner.groups = (owner.groups ?? []).filter(({ children }) => children.length > 0)
  }
}

const exportsOf = (module: DeclarationReflection): Export[] =>
  (module.children ?? []).map((child) => ({
    specifier: module.name,
    name: child.name,
    documented: isDocumented(child),
  }))

/** Whether there are words about it: on itself, on a signature of a function, or where it comes from. */
function isDocumented(reflection: DeclarationReflection): boolean {
  if (reflection instanceof ReferenceReflection) {
    const target = reflection.tryGetTargetReflectionDeep()
    return target instanceof DeclarationReflection && isDocumented(target)
  }
  const all = [reflection, ...(reflection.signatures ?? [])]
  return all.some(({ comment }) => comment?.hasVisibleComponent())
}

/**
 * Marks the pages for the theme, and removes what says nothing: rules between members, where a member was overridden, and under
 * "Returns" a type that the signature has named already.
 */
function polish(folder: string): void {
  const files = globSync('**/*.md', { cwd: folder }).map((file) => join(folder, file))
  const texts = new Map(files.map((file) => [file, polished(readFileSync(file, 'utf8'))]))
  const anchors = new Map([...texts].map(([file, text]) => [file, anchorsOf(text)]))
  for (const [file, text] of texts) {
    // typedoc also counts headings that are rows of tables now, and so numbers some that stand alone.
    const linked = text.replace(/\(([^()\s#]*)#([\w-]+)-\d+\)/g, (link, path: string, name: string) => {
      const there = anchors.get(path === '' ? file : join(dirname(file), path))
      return there?.has(name) && !there.has(link.slice(link.indexOf('#') + 1, -1)) ? `(${path}#${name})` : link
    })
    writeFileSync(file, `---\npageClass: reference\n---\n\n${linked}`)
  }
}

const polished = (text: string) =>
  text
    .replace(/^\*\*\*\n\n/gm, '')
    .replace(/^#+ Returns\n\n.+\n\n?(?=#|$(?![\s\S]))/gm, '')
    .replace(/^#+ (?:Inherited from|Overrides|Implementation of)\n\n.+\n\n?/gm, '')

/** The anchors of a page, as the site makes them. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of text.matchAll(/^#+ (.+)$/gm)) {
    const name = slug(heading.replace(/&[lg]t;|\\/g, ''))
    let free = name
    for (let count = 1; anchors.has(free); count++) free = `${name}-${count}`
    anchors.add(free)
  }
  return anchors
}
