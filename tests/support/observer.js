// What a person before a picture sees and hears, for a program.
//
// The digits are read as the head of vms/simulator/footage.py describes them, and from nothing
// else. Gives a page `observer`.
window.observer = (() => {
  const WIDTH = 640, HEIGHT = 360, CELLS = 20, CLOCK_DIGITS = 13, ID_DIGITS = 20,
    CAPTION_STRIP = 2.5, LEAST_CONTRAST = 100
  const DIGITS = [
    'XXX X.X X.X X.X XXX', '.X. XX. .X. .X. XXX', 'XXX ..X XXX X.. XXX', 'XXX ..X XXX ..X XXX',
    'X.X X.X XXX ..X ..X', 'XXX X.. XXX ..X XXX', 'XXX X.. XXX X.X XXX', 'XXX ..X ..X ..X ..X',
    'XXX X.X XXX X.X XXX', 'XXX X.X XXX ..X XXX',
  ].map(rows => rows.replaceAll(' ', ''))
  const LETTERS = new Map([
    ...DIGITS.map((rows, digit) => [rows, String(digit)]),
    ['...............', ' '], ['.............X.', '.'], ['......XXX......', '-'],
    ['XXXX.XXXXX..X..', 'P'], ['XXX.X..X..X..X.', 'T'], ['XXX..X.X.X..XXX', 'Z'],
  ])
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT)
  const context = canvas.getContext('2d', {willReadFrequently: true})
  const analysers = new WeakMap()

  /** The mean green of the 4 by 4 pixels in the middle of each of a cell's 15 blocks. */
  function blocks(pixels, strip, cell) {
    const means = []
    for (let row = 0; row < 5; row++) {
      for (let column = 0; column < 3; column++) {
        const left = 32 * cell + 4 + 8 * column + 2, top = 48 * strip + 4 + 8 * row + 2
        let sum = 0
        for (let y = top; y < top + 4; y++) {
          for (let x = left; x < left + 4; x++) sum += pixels[4 * (WIDTH * y + x) + 1]
        }
        means.push(sum / 16)
      }
    }
    return means
  }

  /** The test card that a video element shows now, or null where it shows none. */
  function read(video) {
    context.drawImage(video, 0, 0, WIDTH, HEIGHT)
    const at_ms = performance.now()
    const pixels = context.getImageData(0, 0, WIDTH, HEIGHT).data
    const white = Math.min(...[13, 15, 17, 19].flatMap(cell => blocks(pixels, 1, cell)))
    const black = Math.max(...[14, 16, 18].flatMap(cell => blocks(pixels, 1, cell)))
    if (white - black < LEAST_CONTRAST) return null
    const digits = (strip, count) =>
      Array.from({length: count}, (_, cell) =>
        DIGITS.indexOf(
          blocks(pixels, strip, cell).map(mean => (mean > (white + black) / 2 ? 'X' : '.')).join(''),
        ),
      )
    const id = digits(0, ID_DIGITS), clock = digits(1, CLOCK_DIGITS)
    if (id.includes(-1) || clock.includes(-1)) return null
    const clock_ms = Number(clock.join(''))
    return {identifier: id.join(''), clock_ms, at_ms, behind_ms: Date.now() - clock_ms}
  }

  async function until(isTrue) {
    while (!isTrue()) await new Promise(requestAnimationFrame)
  }

  return {
    /** So many pictures one after the other, each when it is shown: how far behind their clocks. */
    async behind(video, pictures) {
      const found = []
      while (found.length < pictures) {
        await new Promise(done => video.requestVideoFrameCallback(done))
        const card = read(video)
        if (card !== null) found.push(card.behind_ms)
      }
      return found
    },

    /** All videos, and again `pauseMs` later by this browser's own clock. */
    async readTwice(videos, pauseMs) {
      await until(() => videos.every(read))
      const before = videos.map(read), began = performance.now()
      await until(() => performance.now() - began >= pauseMs)
      return [before, videos.map(read)]
    },

    /** Until all videos show pictures made after `sinceMs`; how long after it that was. */
    async shownSince(videos, sinceMs) {
      await until(() => videos.every(video => (read(video)?.clock_ms ?? 0) > sinceMs))
      return Date.now() - sinceMs
    },

    /** The line that says where the camera points, as text; empty where there is none. */
    caption(video) {
      if (read(video) === null) return ''
      const pixels = context.getImageData(0, 0, WIDTH, HEIGHT).data
      let text = ''
      for (let cell = 0; cell < CELLS; cell++) {
        const letter = LETTERS.get(
          blocks(pixels, CAPTION_STRIP, cell).map(mean => (mean > 128 ? 'X' : '.')).join(''),
        )
        if (letter === undefined) break
        text += letter
      }
      return text.trim()
    },

    /** The loudest frequency of a stream and how far it stands above all others, in dB. */
    loudest(stream) {
      let analyser = analysers.get(stream)
      if (analyser === undefined) {
        const audio = new AudioContext()
        analyser = audio.createAnalyser()
        analyser.fftSize = 8192
        analyser.smoothingTimeConstant = 0
        audio.createMediaStreamSource(stream).connect(analyser)
        analysers.set(stream, analyser)
      }
      const bins = new Float32Array(analyser.frequencyBinCount)
      analyser.getFloatFrequencyData(bins)
      const bin_hz = analyser.context.sampleRate / analyser.fftSize
      const best = bins.indexOf(Math.max(...bins))
      const others = bins.filter((_, bin) => Math.abs(bin - best) * bin_hz > 100)
      return {hz: best * bin_hz, level_db: bins[best], above_db: bins[best] - Math.max(...others)}
    },
  }
})()
