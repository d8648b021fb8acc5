import { join } from 'node:path'
import { newFolder } from '../folder.ts'
import { isRoot, runAside, runOnce } from './daemon.ts'

const templates = new Map<string, Promise<string>>()

/**
 * Makes an empty database in `data`. Its installation takes seconds, so it is made once in a process, and copied. `user` owns it
 * if we are root.
 */
export async function fromTemplate(
  name: string,
  data: string,
  user: string | undefined,
  install: (data: string) => readonly string[],
): Promise<void> {
  let template = templates.get(name)
  if (!template) {
    template = installed(name, user, install)
    templates.set(name, template)
    template.catch(() => templates.delete(name))
  }
  // With owners, permissions and times, which servers check.
  await runAside('cp', ['-a', await template, data])
}

async function installed(name: string, user: string | undefined, install: (data: string) => readonly string[]) {
  const folder = newFolder(`${name}-template`)
  if (isRoot && user) runOnce('chown', [user, folder])
  const data = join(folder, 'data')
  const [command = '', ...args] = install(data)
  await runAside(command, args, user)
  return data
}
