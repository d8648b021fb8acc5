import { readPage } from '../support/docs/page.ts'

/** The files of the application that a guide shows: each block whose first line says which file it is. */
export function filesOf(page: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    readPage(page).blocks.flatMap(({ code }) => {
      const file = /^\/\/ ([\w./-]+\.\w+)\n/.exec(code)?.[1]
      return file === undefined ? [] : [[file, code]]
    }),
  )
}
