// unsubscribe.mjs CHROMIUM URL FOLDER: a person with a telephone and without JavaScript opens the page at URL, stops all mails,
// and takes that back by the keyboard. Prints, as JSON, what the page says after each step, and what is wrong with its layout.
// Pictures of the page are put into FOLDER.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrowser } from './browser.mjs'

const [program, url, folder] = process.argv.slice(2)

// Within the page.
function seen () {
  const buttons = [...document.querySelectorAll('button')]
  const boxes = buttons.map(button => button.getBoundingClientRect())
  const wrong = []
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the screen: ${document.documentElement.scrollWidth}`)
  if (boxes.some(({ width, height }) => width < 44 || height < 44)) wrong.push('a button is hard to press')
  if (getComputedStyle(document.querySelector('main')).paddingTop === '0px') wrong.push('the style is not applied')
  return {
    heading: document.querySelector('h1').textContent,
    message: document.querySelector('[role=status]')?.textContent ?? null,
    buttons: buttons.map(({ value, form, textContent }) => `${form.choice.value} ${value}: ${textContent}`),
    wrong
  }
}

// Within the page: where the button for a choice is.
function place (choice) {
  const button = document.querySelector(`#do-${choice}`)
  button.scrollIntoView()
  const { x, y, width, height } = button.getBoundingClientRect()
  return { x: x + width / 2, y: y + height / 2 }
}

const profile = mkdtempSync(join(tmpdir(), 'fanmail-chromium-'))
const deadline = setTimeout(() => {
  console.error('no result after two minutes')
  process.exit(1)
}, 120_000)
const browser = startBrowser(program, profile)
try {
  const steps = []
  const desktop = await browser.openTab({ width: 900, height: 700, scale: 1 })
  await desktop.open(url)
  const tab = await browser.openTab({ width: 375, height: 740, scale: 2 })
  await tab.call('Emulation.setScriptExecutionDisabled', { value: true })
  const step = async (name, lead) => {
    await lead()
    steps.push(await tab.evaluate(`(${seen})()`))
    for (const [size, shown] of [['phone', tab], ['desktop', desktop]]) {
      for (const scheme of ['light', 'dark']) {
        await shown.prefer(scheme)
        const { data } = await shown.call('Page.captureScreenshot', { format: 'png' })
        writeFileSync(join(folder, `${name}-${size}-${scheme}.png`), Buffer.from(data, 'base64'))
      }
    }
  }
  await step('opened', () => tab.open(url))
  await step('stopped', async () => {
    const at = { ...await tab.evaluate(`(${place})('all')`), button: 'left', clickCount: 1 }
    await tab.load(async () => {
      await tab.call('Input.dispatchMouseEvent', { type: 'mousePressed', ...at })
      await tab.call('Input.dispatchMouseEvent', { type: 'mouseReleased', ...at })
    })
  })
  await step('resumed', async () => {
    await tab.evaluate("document.querySelector('#do-all').focus()")
    const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' }
    await tab.load(async () => {
      await tab.call('Input.dispatchKeyEvent', { type: 'keyDown', ...key })
      await tab.call('Input.dispatchKeyEvent', { type: 'keyUp', ...key })
    })
  })
  console.log(JSON.stringify(steps))
} finally {
  clearTimeout(deadline)
  await browser.stop()
  rmSync(profile, { recursive: true, force: true })
}
