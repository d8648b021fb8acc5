// Plain JavaScript for Node 18 and later: setup reads it before anything is installed.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that are no npm packages: where Debian has them, and what asks for them. */
export const programs = [
  { program: 'chromium', package: 'chromium', for: 'tests' },
  // Of util-linux; it gives a program a terminal.
  { program: 'script', package: 'bsdutils', for: 'tests' },
  { program: 'wrk', package: 'wrk', for: 'bench' },
]

/** The program's full path, or null. Debian's own folders count although a stripped PATH may lack them. */
export function find(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin']
  for (const folder of folders.filter(Boolean)) {
    const file = join(folder, program)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {}
  }
  return null
}

/** The line that would install these packages by hand. */
export const installLine = (packages) => `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
