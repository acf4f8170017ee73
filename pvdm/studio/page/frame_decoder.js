// Encoded frames -> pictures: H.264 by WebCodecs where the browser has it, else JPEG.

const H264 = { codec: "avc1.42E01F", optimizeForLatency: true };

/** What this browser can show, best first. WebCodecs needs a secure context: https or localhost. */
export async function codecs() {
  if (!window.isSecureContext || !("VideoDecoder" in window)) return ["jpeg"];
  const { supported } = await VideoDecoder.isConfigSupported(H264).catch(() => ({ supported: false }));
  return supported ? ["h264", "jpeg"] : ["jpeg"];
}

/** Decodes the frames of clips in order; each clip begins with a key frame. */
export class FrameDecoder {
  #decoder = null;
  #waiting = new Map(); // timestamp -> what waits for its picture
  #time = 0;

  constructor(onBroken = () => {}) {
    this.onBroken = onBroken;
  }

  /** {codec, key, payload} -> a promise of an ImageBitmap. */
  decode({ codec, key, payload }) {
    if (codec === "jpeg") return createImageBitmap(new Blob([payload], { type: "image/jpeg" }));
    if (this.#decoder?.state !== "configured") this.#configure();
    const timestamp = this.#time++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(timestamp, { resolve, reject });
      this.#decoder.decode(new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp, data: payload }));
    });
  }

  /** Asks for all pictures that the decoder still holds; the next frame must be a key frame. */
  async flush() {
    if (this.#decoder?.state === "configured") await this.#decoder.flush().catch(() => {});
  }

  #configure() {
    this.#decoder = new VideoDecoder({
      output: (frame) => this.#output(frame),
      error: (error) => this.#broken(error),
    });
    this.#decoder.configure(H264);
  }

  async #output(frame) {
    const waiting = this.#waiting.get(frame.timestamp);
    this.#waiting.delete(frame.timestamp);
    try {
      const picture = await createImageBitmap(frame);
      waiting?.resolve(picture);
    } catch (error) {
      waiting?.reject(error);
    } finally {
      frame.close(); // the decoder has few of them
    }
  }

  #broken(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.onBroken(error);
  }
}
