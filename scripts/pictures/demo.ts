import { Demo } from '../../test/browser/running.ts'
import { type Camera, LAPTOP, PHONE, press } from './camera.ts'

const NOTE = 'the canary sings under the third flowerpot'

export async function demoPictures(camera: Camera, folder: string): Promise<void> {
  const demo = new Demo(folder, ['--port', '0'])
  try {
    const page = await camera.page({ baseURL: await demo.address(), viewport: LAPTOP })
    await page.goto('/')
    await page.getByLabel('Your secret').fill(NOTE)
    await press(page, 'Keep it on every engine')
    await page.goto('/')
    await camera.takeBoth(page, 'demo-start', { to: '.places' })
    await press(page, 'Run all six')
    await page.goto('/attacks/plant')
    await camera.takeBoth(page, 'demo-attack', { to: '.results li:nth-child(2)' })
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize(PHONE)
    await page.goto('/')
    await page.locator('.phone-fold > summary').first().click()
    await camera.take(page, 'demo-phone', { from: '#attacks', to: '.mine' })
  } finally {
    await demo.stop()
  }
}
