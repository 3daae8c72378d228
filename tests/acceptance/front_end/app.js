// Calls as Pika's front-end makes them (contract pika, sections 2.1, 10 and 11): relative addresses, ids as they came,
// every key of a transaction always, avatars from a canvas, receipts all at once.
const BASE = "/wp-json/pika/v1"

async function call(method, path, body) {
    const isForm = body instanceof FormData
    const answer = await fetch(`${BASE}/${path}`, {
        method,
        headers: {"Accept": "application/json, text/plain, */*", ...(isForm || body === undefined ? {} : {"Content-Type": "application/json"})},
        body: body === undefined || isForm ? body : JSON.stringify(body),
    })
    return {status: answer.status, data: await answer.json()}
}

async function good(method, path, body) {
    const {status, data} = await call(method, path, body)
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(data)}`)
    return data
}

async function started() {
    const [info, lists, me] = await Promise.all(["app/info", "app/lists", "auth/me"].map(path => call("GET", path)))
    return {info, lists, me}
}

async function toConsent() {
    const info = await good("GET", "app/info")
    const back = {success_url: `${location.origin}/pika/authorize`, reject_url: `${location.origin}/pika/reject-auth`}
    location.href = `${info.base_url}/wp-admin/authorize-application.php?` + new URLSearchParams({app_name: info.name, app_id: info.app_id, ...back})
}

async function authorize() {
    const given = new URLSearchParams(location.search)
    const body = {user_login: given.get("user_login"), password: given.get("password")}
    return (await Promise.all([1, 2, 3].map(() => call("POST", "auth/login", body)))).map(answer => answer.status)
}

async function home(month, year) {
    const when = `month=${month}&year=${year}`
    const paths = [
        "analytics/weekly-expenses",
        ...["monthly-summary", "daily-summaries", "monthly-category-spending", "monthly-tag-activity", "monthly-person-activity"].map(name => `analytics/${name}?${when}`),
        "push/status",
        "push/notifications?page=1&per_page=20",
        "transactions",
    ]
    const answers = await Promise.all(paths.map(path => good("GET", path)))
    return Object.fromEntries(paths.map((path, at) => [path.split("?")[0], answers[at]]))
}

// A photo of 3000 × 2200, cropped to its middle square, at its natural size.
async function avatar(entityType, name) {
    const canvas = Object.assign(document.createElement("canvas"), {width: 2200, height: 2200})
    const context = canvas.getContext("2d")
    for (let row = 0; row < 2200; row += 20) {
        context.fillStyle = `hsl(${row / 6} 70% 50%)`
        context.fillRect(0, row, 2200, 20)
    }
    const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.9))
    const form = new FormData()
    form.append("entityType", entityType)
    form.append("file", new File([blob], name, {type: "image/jpeg"}))
    return good("POST", "upload/avatar", form)
}

async function receipt(file) {
    const form = new FormData()
    form.append("entityType", "transaction")
    form.append("attachmentType", file.type.startsWith("image/") ? "image" : "document")
    form.append("file", file)
    return good("POST", "upload/attachment", form)
}

async function person(name) {
    const {id} = await avatar("person", "avatar.jpg")
    const row = await good("POST", "people", {name, email: "", phone: "", description: "", avatarId: id})
    return good("GET", `people/${row.id}`)
}

async function account(name) {
    const {id} = await avatar("account", "account-avatar.jpg")
    return good("POST", "accounts", {name, description: "", icon: "wallet", bgColor: "#3B82F6", color: "#ffffff", avatarId: id})
}

// The account is found as the front-end finds it: by its id, compared with ===.
async function transaction(sent, files) {
    const receipts = await Promise.all(files.map(receipt))
    const saved = await good("POST", "transactions", {...sent, attachments: receipts.map(each => each.id)})
    const accounts = await good("GET", "accounts")
    return {saved, account: accounts.find(each => each.id === saved.account.id)}
}

async function shown(url) {
    return new Promise(done => {
        const image = new Image()
        image.onload = () => done([image.naturalWidth, image.naturalHeight])
        image.onerror = () => done(null)
        image.src = url
    })
}
