// A headless Chromium that is told what to do through its DevTools protocol, over a pipe (--remote-debugging-pipe: messages
// that end with a NUL byte on the file descriptors 3 and 4). So it needs no port and no package.

import { spawn } from 'node:child_process'

const ARGUMENTS = [
  '--headless', '--remote-debugging-pipe', '--disable-gpu', '--no-first-run', '--hide-scrollbars',
  // Nothing leaves the machine: a picture of a mail is one that does not exist.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // As root, and in a container or a chroot with a small /dev/shm. The pages are our own.
  '--no-sandbox', '--disable-dev-shm-usage'
]

/** Starts the browser `program` with a profile in the folder `profile`. */
export function startBrowser (program, profile) {
  const child = spawn(program, [...ARGUMENTS, `--user-data-dir=${profile}`], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] })
  const [, , errors, commands, messages] = child.stdio
  const calls = new Map()
  const waiting = new Map()
  let [last, unread, log, end] = [0, '', '', undefined]

  errors.setEncoding('utf8').on('data', text => { log = (log + text).slice(-4000) })
  messages.setEncoding('utf8').on('data', text => {
    const parts = (unread + text).split('\0')
    unread = parts.pop()
    parts.map(part => JSON.parse(part)).forEach(receive)
  })
  const ended = new Promise(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  }).then(reason => {
    end = new Error(`Chromium (${program}) has ended: ${reason}\n${log}`)
    for (const { reject } of [...calls.values(), ...waiting.values()]) reject(end)
  })
  // What could not be written is told by its end.
  commands.on('error', () => {})

  function receive ({ id, sessionId, method, result, error }) {
    if (id === undefined) {
      const key = `${sessionId} ${method}`
      waiting.get(key)?.resolve()
      waiting.delete(key)
      return
    }
    const { resolve, reject } = calls.get(id)
    calls.delete(id)
    if (error) reject(new Error(error.message))
    else resolve(result)
  }

  function send (method, params = {}, sessionId = undefined) {
    if (end) return Promise.reject(end)
    last += 1
    commands.write(JSON.stringify({ id: last, method, params, sessionId }) + '\0')
    return new Promise((resolve, reject) => calls.set(last, { resolve, reject }))
  }

  /** A new page of the browser. */
  async function openTab ({ width, height, scale = 1 }) {
    const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
    const call = (method, params) => send(method, params, sessionId)
    await call('Page.enable')
    await call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: false })
    /** Does what leads to another page, and waits until that is loaded. */
    async function load (lead) {
      const loaded = new Promise((resolve, reject) => waiting.set(`${sessionId} Page.loadEventFired`, { resolve, reject }))
      await lead()
      await loaded
    }
    return {
      call,
      load,
      /** Opens a page, and waits until it is loaded. */
      open: url => load(async () => {
        const { errorText } = await call('Page.navigate', { url })
        if (errorText) throw new Error(`${url}: ${errorText}`)
      }),
      /** Shows the page as people see it who prefer `light` or `dark`. */
      prefer: scheme =>
        call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] }),
      /** What an expression of JavaScript, or its promise, results in. */
      async evaluate (expression) {
        const answer = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
        const { result, exceptionDetails } = answer
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
        return result.value
      }
    }
  }

  return {
    openTab,
    async stop () {
      send('Browser.close').catch(() => {}) // its end may come before the answer
      await ended
    }
  }
}
