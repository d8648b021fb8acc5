import { join } from 'node:path'
import { buildSite } from '../../site/build.ts'
import { serveFiles } from '../../test/site/files.ts'
import { type Camera, LAPTOP, PHONE } from './camera.ts'

export async function sitePictures(camera: Camera, folder: string): Promise<void> {
  const out = join(folder, 'site')
  await buildSite({ out, stage: 'pictures', quiet: true })
  const { server, origin } = await serveFiles(out, '/')
  try {
    const page = await camera.page({ viewport: LAPTOP })
    await page.goto(`${origin}/`)
    await camera.takeBoth(page, 'site-home', { to: LAPTOP.height })
    await page.goto(`${origin}/first-login.html`)
    await camera.takeBoth(page, 'site-page', { to: LAPTOP.height })
    await page.setViewportSize(PHONE)
    await page.goto(`${origin}/engines.html`)
    await camera.take(page, 'site-phone', { to: PHONE.height })
  } finally {
    server.close()
  }
}
