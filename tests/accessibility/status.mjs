// status.mjs CHROMIUM URL TOKEN FOLDER: a person with a telephone and without JavaScript opens the status page at URL while a fan-out runs,
// signs in with TOKEN, has the mails of notification 1 tried again by the keyboard alone, dead letters replayed with the finger, and posts a
// form that was changed. Prints, as JSON, what each page says, and what is wrong with its layout. Its HTML and pictures of it are put into
// FOLDER.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrowser } from './browser.mjs'

const [program, url, token, folder] = process.argv.slice(2)

// Within the page.
function seen () {
  const boxes = [...document.querySelectorAll('button, nav a, .button, .quiet')].map(element => element.getBoundingClientRect())
  const wrong = []
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the screen: ${document.documentElement.scrollWidth}`)
  if (boxes.some(({ height }) => height < 44)) wrong.push('something is hard to press')
  if (getComputedStyle(document.querySelector('.card')).paddingTop === '0px') wrong.push('the style is not applied')
  if (document.querySelectorAll('script, [style], [onclick]').length) wrong.push('there is a script or a style of an element')
  return {
    path: location.pathname,
    heading: document.querySelector('h1').textContent,
    message: document.querySelector('[role=status], [role=alert]')?.innerText ?? null,
    text: document.querySelector('main').innerText,
    html: document.documentElement.outerHTML,
    wrong
  }
}

// Within the page: where an element is.
function place (selector) {
  const element = document.querySelector(selector)
  element.scrollIntoView()
  const { x, y, width, height } = element.getBoundingClientRect()
  return { x: x + width / 2, y: y + height / 2 }
}

// Within the page: whether the focus is on what is meant, and whether it can be seen.
function focused (selector) {
  const element = document.activeElement
  return { isThere: element.matches(selector), outline: parseFloat(getComputedStyle(element).outlineWidth), what: element.outerHTML.slice(0, 80) }
}

const KEYS = {
  Tab: { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 },
  Enter: { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' }
}
const profile = mkdtempSync(join(tmpdir(), 'fanmail-chromium-'))
const deadline = setTimeout(() => {
  console.error('no result after a minute')
  process.exit(1)
}, 60_000)
const browser = startBrowser(program, profile)
try {
  const steps = []
  const phone = await browser.openTab({ width: 390, height: 780, scale: 2 })
  await phone.call('Emulation.setScriptExecutionDisabled', { value: true })
  const picture = async (tab, name) => {
    for (const scheme of ['light', 'dark']) {
      await tab.prefer(scheme)
      const { data } = await tab.call('Page.captureScreenshot', { format: 'png' })
      writeFileSync(join(folder, `${name}-${scheme}.png`), Buffer.from(data, 'base64'))
    }
  }
  const step = async (name, lead) => {
    await lead()
    const { html, ...rest } = await phone.evaluate(`(${seen})()`)
    writeFileSync(join(folder, `${name}.html`), `<!DOCTYPE html>${html}`)
    steps.push(rest)
    await picture(phone, `${name}-phone`)
  }
  const press = selector => phone.load(async () => {
    const at = { ...await phone.evaluate(`(${place})(${JSON.stringify(selector)})`), button: 'left', clickCount: 1 }
    await phone.call('Input.dispatchMouseEvent', { type: 'mousePressed', ...at })
    await phone.call('Input.dispatchMouseEvent', { type: 'mouseReleased', ...at })
  })
  const strike = async key => {
    await phone.call('Input.dispatchKeyEvent', { type: 'keyDown', ...KEYS[key] })
    await phone.call('Input.dispatchKeyEvent', { type: 'keyUp', ...KEYS[key] })
  }
  const tabTo = async selector => {
    for (let tries = 0; tries < 60; tries++) {
      await strike('Tab')
      const { isThere, outline, what } = await phone.evaluate(`(${focused})(${JSON.stringify(selector)})`)
      if (outline < 2) throw new Error(`the focus cannot be seen at ${what}`)
      if (isThere) return
    }
    throw new Error(`the keyboard does not come to ${selector}`)
  }
  const enter = () => phone.load(() => strike('Enter'))
  const status = new URL('/?refresh=off', url).href

  await step('sign-in', () => phone.open(url))
  await step('status', async () => {
    // The field has the focus from the start.
    await phone.call('Input.insertText', { text: token })
    await enter()
  })
  const desktop = await browser.openTab({ width: 1280, height: 1000, scale: 1 })
  await desktop.open(url)
  const { wrong } = await desktop.evaluate(`(${seen})()`)
  steps[1].wrong.push(...wrong.map(what => `on a desktop: ${what}`))
  // The queue of a test has a long name of its own.
  await desktop.evaluate("document.body.innerHTML = document.body.innerHTML.replaceAll(/test-status-page-\\w+/g, 'event_notifications')")
  await picture(desktop, 'status-desktop')
  await step('notification', () => phone.open(new URL('/notifications/1?refresh=off', url).href))
  await step('confirm-retry', async () => {
    await tabTo('a[href$="/retry"]')
    await enter()
  })
  await step('retried', async () => {
    await tabTo('main button')
    await enter()
  })
  await step('dead-letters', () => phone.open(status))
  await step('confirm-replay', () => press('a[href*="reason=event"]'))
  await step('replayed', () => press('main button'))
  await step('changed', async () => {
    await phone.open(new URL('/notifications/1/retry', url).href)
    await phone.evaluate("document.querySelector('[name=seal]').value = 'changed'")
    await press('main button')
  })
  await step('signed-out', () => press('.link'))
  console.log(JSON.stringify(steps))
} finally {
  clearTimeout(deadline)
  await browser.stop()
  rmSync(profile, { recursive: true, force: true })
}
