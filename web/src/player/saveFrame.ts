/** A name that every file system takes. */
export function fileName(words: string, at: Date): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is to be removed
  const safe = words.replace(/[\u0000-\u001f<>:"/\\|?*]+/g, '_').slice(0, 100)
  const time = at.toISOString().replace(/[-:]/g, '').slice(0, 15)
  return `${safe}_${time}Z.jpg`
}

/** Saves the picture that is shown now, in its full size; the file's name, or null without one. */
export async function saveFrame(video: HTMLVideoElement, words: string): Promise<string | null> {
  if (video.videoWidth === 0) return null
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  const jpeg = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/jpeg', 0.92))
  if (jpeg === null) return null
  const link = document.createElement('a')
  link.href = URL.createObjectURL(jpeg)
  link.download = fileName(words, new Date())
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  return link.download
}
