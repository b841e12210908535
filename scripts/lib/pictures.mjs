// pictures.mjs CHROMIUM PROFILE OUT WIDTHxHEIGHT SCHEME:FILE... [WIDTHxHEIGHT SCHEME:FILE...]: a PNG of HTML files side by side, each as
// a page of that size, light or dark.

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { startBrowser } from '../../tests/accessibility/browser.mjs'

const GAP = 16

const [program, profile, out, ...pages] = process.argv.slice(2)
const browser = startBrowser(program, profile)

async function shoot (tab) {
  const { data } = await tab.call('Page.captureScreenshot', { format: 'png', optimizeForSpeed: false })
  return data
}

try {
  const shots = []
  let [width, height] = [0, 0]
  for (const page of pages) {
    const size = /^(\d+)x(\d+)$/.exec(page)
    if (size) {
      [width, height] = size.slice(1).map(Number)
      continue
    }
    const [scheme, file] = page.split(':')
    const tab = await browser.openTab({ width, height })
    await tab.prefer(scheme)
    await tab.open(pathToFileURL(resolve(file)).href)
    shots.push({ width, height, data: await shoot(tab) })
  }
  const total = shots.reduce((sum, shot) => sum + shot.width, GAP * (shots.length - 1))
  const tab = await browser.openTab({ width: total, height: Math.max(...shots.map(shot => shot.height)) })
  const images = shots.map(({ data }) => `<img src="data:image/png;base64,${data}">`).join('')
  await tab.evaluate(`document.body.innerHTML = ${JSON.stringify(images)};
    document.body.style = 'margin:0;display:flex;gap:${GAP}px;background:#b9c0cc';
    Promise.all([...document.images].map(image => image.decode())).then(() => 0)`)
  writeFileSync(out, Buffer.from(await shoot(tab), 'base64'))
} finally {
  await browser.stop()
}
