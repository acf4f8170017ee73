// The WebSocket of the stream: messages as events, a binary header as an object, and reconnection.

const HEADER = 16; // bytes: codec, flags, epoch, frame, clip, version
const FIRST_WAIT = 250, LONGEST_WAIT = 5000; // milliseconds between attempts to reconnect
const SETTLED = 3000; // milliseconds after which a cut has reached the server
const KEY = "pvdm-studio-stream";

export class Connection extends EventTarget {
  #socket = null;
  #wait = FIRST_WAIT;
  #codecs;
  #cutAt = 0;
  epoch = 0;
  stream = sessionStorage.getItem(KEY);

  constructor(codecs, buffer) {
    super();
    this.#codecs = codecs;
    this.buffer = buffer;
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    const address = new URL("stream", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(address));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      const hello = { type: "hello", codecs: this.#codecs, buffer: this.buffer };
      this.send(this.stream ? { ...hello, stream: this.stream } : hello);
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#text(JSON.parse(data)) : this.#frame(data));
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  send(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
  }

  /** Sends what begins a new epoch: frames that are on their way are not for the screen any more. */
  cut(message) {
    if (!this.open) return;
    this.epoch = (this.epoch + 1) % 65536;
    this.#cutAt = performance.now();
    this.send(message);
  }

  /** Does without the browser's video decoder from now on. */
  fallBack() {
    this.#codecs = ["jpeg"];
    this.#socket?.close();
  }

  #text(message) {
    if (message.type === "welcome") {
      this.#wait = FIRST_WAIT;
      this.epoch = message.epoch ?? 0;
      this.stream = message.stream;
      sessionStorage.setItem(KEY, this.stream);
      this.#tell("link", "connected");
    }
    this.#tell(message.type, message);
  }

  #frame(data) {
    const view = new DataView(data);
    const epoch = view.getUint16(2);
    if (performance.now() - this.#cutAt > SETTLED) this.epoch = epoch; // the server has refused a cut
    this.#tell("frame", {
      codec: view.getUint8(0) === 1 ? "h264" : "jpeg",
      key: (view.getUint8(1) & 1) === 1,
      current: epoch === this.epoch,
      frame: view.getUint32(4),
      clip: view.getUint32(8),
      version: view.getUint32(12),
      payload: new Uint8Array(data, HEADER),
    });
  }

  #closed(code, reason) {
    this.#tell("link", "gone");
    if (reason) this.#tell("error", { message: reason });
    setTimeout(() => this.connect(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
