// Drives the flow of a bot with GitHub's own JavaScript client: node flow.mjs API_URL
// The packages are found through PAWL_OCTOKIT. The last line printed is what happened, as JSON.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const modules = resolve(process.env.PAWL_OCTOKIT);
const { Octokit } = await import(pathToFileURL(join(modules, "@octokit/rest/dist-src/index.js")));

const [baseUrl] = process.argv.slice(2);
const github = new Octokit({ auth: process.env.TOKEN, baseUrl, log: { debug() {}, info() {}, warn: console.error, error() {} } });
const at = { owner: "acme", repo: "profile" };

const { data: repository } = await github.repos.get(at);
const base = await github.git.getRef({ ...at, ref: `heads/${repository.default_branch}` });
const parent = base.data.object.sha;

const blob = await github.git.createBlob({ ...at, content: Buffer.from("tag: v2\n").toString("base64"), encoding: "base64" });
const tree = await github.git.createTree({
  ...at, base_tree: parent, tree: [{ path: "values.yaml", mode: "100644", type: "blob", sha: blob.data.sha }],
});
const commit = await github.git.createCommit({ ...at, message: "Bump tag\n\nKey: value", tree: tree.data.sha, parents: [parent] });
await github.git.createRef({ ...at, ref: "refs/heads/pawl/update", sha: commit.data.sha });
const stale = await github.git
  .updateRef({ ...at, ref: "heads/pawl/update", sha: parent })
  .then(() => "moved backwards", (error) => `${error.status} ${error.response.data.message}`);

const pull = await github.pulls.create({ ...at, title: "Bump tag", head: "pawl/update", base: "main", body: "why" });
const number = pull.data.number;
const labels = await github.issues.addLabels({ ...at, issue_number: number, labels: ["dependencies", "pawl/review"] });
await github.issues.removeLabel({ ...at, issue_number: number, name: "pawl/review" });
await github.issues.createComment({ ...at, issue_number: number, body: "first" });
await github.issues.createComment({ ...at, issue_number: number, body: "second" });
const comments = await github.paginate(github.issues.listComments, { ...at, issue_number: number, per_page: 1 });

const content = await github.repos.getContent({ ...at, path: "values.yaml", ref: commit.data.sha });
const files = await github.pulls.listFiles({ ...at, pull_number: number });
await github.repos.createCommitStatus({ ...at, sha: commit.data.sha, state: "success", context: "ext" });
const status = await github.repos.getCombinedStatusForRef({ ...at, ref: "pawl/update" });

const graph = await github.graphql(
  "query($n: Int!) { repository(owner: \"acme\", name: \"profile\") { pullRequest(number: $n) { mergeStateStatus headRefOid } } }",
  { n: number },
);
const merged = await github.pulls.merge({
  ...at, pull_number: number, merge_method: "squash", sha: commit.data.sha, commit_title: "Bump tag (#1)", commit_message: "Key: value",
});
await github.git.deleteRef({ ...at, ref: "heads/pawl/update" });
const after = await github.pulls.get({ ...at, pull_number: number });

console.log(JSON.stringify({
  stale,
  labels: labels.data.map((label) => label.name),
  comments: comments.map((comment) => comment.body),
  content: Buffer.from(content.data.content, "base64").toString(),
  files: files.data.map((file) => `${file.status} ${file.filename}`),
  status: status.data.state,
  mergeState: graph.repository.pullRequest.mergeStateStatus,
  headKnown: graph.repository.pullRequest.headRefOid === commit.data.sha,
  merged: merged.data.sha,
  state: after.data.merged ? "merged" : after.data.state,
}));
