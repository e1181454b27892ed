namespace DurableGateway.Services.Parts;

/// <summary>Git over smart HTTP: git's own backend, as CGI behind Apache.</summary>
internal sealed class GitPart : Part
{
    private const string Backend = "/usr/lib/git-core/git-http-backend";

    public override string Name => "git";

    public override IReadOnlyList<string> Commands => ["git", "curl", "apache2", Backend, Apache.Module("cgid")];

    public override async Task<Server> StartAsync(Tools tools, string directory)
    {
        var repositories = Apache.Open(directory, "repositories");
        foreach (var lane in Round.Lanes)
        {
            var bare = Path.Combine(repositories, lane + ".git");
            await Command.RunAsync(directory, "git", "init", "-q", "--bare", "--shared=0777", "-b", "main", bare);
            await Command.RunAsync(directory, "git", "-C", bare, "config", "http.receivepack", "true");
            await Command.RunAsync(directory, "git", "-C", bare, "config", "receive.denyNonFastForwards", "false");
        }

        return await Apache.StartAsync(directory, ["cgid", "setenvif"], $"""
            ScriptSock {directory}/cgid.sock
            SetEnv GIT_PROJECT_ROOT {repositories}
            SetEnv GIT_HTTP_EXPORT_ALL 1
            SetEnv GIT_CONFIG_COUNT 1
            SetEnv GIT_CONFIG_KEY_0 safe.directory
            SetEnv GIT_CONFIG_VALUE_0 *
            SetEnvIf Git-Protocol "(.*)" GIT_PROTOCOL=$1
            ScriptAlias /git/ {Backend}/
            """);
    }

    public override async Task ExerciseAsync(Exercise exercise, Tools tools)
    {
        var remote = exercise.Url($"/git/{exercise.Lane}.git");
        var work = Path.Combine(exercise.Directory, "work");
        Task<Output> Git(params string[] args) => Command.RunAsync(exercise.Directory, "git", ["-C", work, .. args]);
        Task<Output> Try(string what, Func<Output, string>? see, params string[] args) =>
            exercise.TryAsync(what, see, 0, "git", ["-C", work, .. args]);
        async Task CommitAsync(string message)
        {
            await Git("add", "-A");
            await Git("-c", "user.name=Ann", "-c", "user.email=a@b", "commit", "-q", "-m", message, "--date=2026-01-01T00:00:00Z");
        }

        Directory.CreateDirectory(work);
        await Command.RunAsync(exercise.Directory, "git", "init", "-q", "-b", "main", work);
        await Git("remote", "add", "origin", remote);
        Fill(work);
        await CommitAsync("one");

        // 6 MB in chunks: a body without a length that is larger than a durable request may be.
        await Try("push of 6 MB, chunked", null, "push", "-q", "origin", "main");
        await Try("push of a tag", null, "push", "-q", "origin", "HEAD:refs/tags/v1%2F;x");
        await Try("push of 6 MB again, with a length", null, "-c", "http.postBuffer=50000000", "push", "-q", "origin", "main:copy");
        foreach (var version in new[] { "0", "1", "2" })
        {
            await exercise.TryAsync($"clone, protocol {version}", null, 0, "git", "-c", $"protocol.version={version}", "clone",
                "-q", remote, $"clone{version}");
            await exercise.TryAsync($"tree, protocol {version}", output => output.Text, 0, "git", "-C",
                $"clone{version}", "rev-parse", "HEAD^{tree}");
        }

        for (var i = 0; i < 15; i++)
        {
            await File.WriteAllTextAsync(Path.Combine(work, $"n{i}"), $"{i}");
            await CommitAsync($"n{i}");
        }

        await Try("push of many commits", null, "push", "-q", "origin", "main");
        await exercise.TryAsync("shallow clone", null, 0, "git", "clone", "-q", "--depth", "3", remote, "shallow");
        await exercise.TryAsync("shallow log", output => output.Text, 0, "git", "-C", "shallow", "log", "--format=%s");
        await exercise.TryAsync("deepen", null, 0, "git", "-C", "shallow", "fetch", "-q", "--unshallow");
        await exercise.TryAsync("deep log", output => output.Text, 0, "git", "-C", "shallow", "log", "--format=%s");
        await exercise.TryAsync("partial clone", null, 0, "git", "clone", "-q", "--filter=blob:none", "--no-checkout", remote, "partial");
        await exercise.TryAsync("fetch with negotiation", null, 0, "git", "-C", "clone2", "pull", "-q", "--ff-only");
        await exercise.TryAsync("status after it", output => output.Text, 0, "git", "-C", "clone2", "ls-tree", "--name-only", "HEAD");
        await exercise.TryAsync("ls-remote", output => string.Join(' ', output.Text.Split('\n').Select(line => line.Split('\t')[^1])), 0,
            "git", "ls-remote", remote);
        await Git("reset", "-q", "--hard", "HEAD~2");
        await CommitAsync("other");
        await File.WriteAllTextAsync(Path.Combine(work, "other"), "other");
        await CommitAsync("other");
        await exercise.TryAsync("push that is no fast-forward is rejected", null, 1, "git", "-C", work, "push", "-q", "origin", "main");
        await Try("forced push", null, "push", "-q", "--force", "origin", "main");
        await Try("deleted branch", null, "push", "-q", "origin", ":copy");
        await exercise.TryAsync("unknown repository", null, 128, "git", "clone", "-q", exercise.Url("/git/none.git"), "none");
        await exercise.TryAsync("info/refs", output => output.Text, 0, "curl", "-s", "-o", "/dev/null", "-w",
            "%{http_code} %{content_type} %{size_download}",
            remote + "/info/refs?service=git-upload-pack");
    }

    /// <summary>Creates the same files in every round.</summary>
    private static void Fill(string work)
    {
        var random = new Random(7);
        for (var i = 0; i < 6; i++)
        {
            var bytes = new byte[1_000_000];
            random.NextBytes(bytes);
            File.WriteAllBytes(Path.Combine(work, $"blob{i}"), bytes);
        }

        Directory.CreateDirectory(Path.Combine(work, "a b/grüße"));
        File.WriteAllText(Path.Combine(work, "a b/grüße/ü%2F;[x].txt"), "text\r\n");
        File.WriteAllText(Path.Combine(work, "run.sh"), "#!/bin/sh\n");
        File.SetUnixFileMode(Path.Combine(work, "run.sh"), (UnixFileMode)0b111_101_101);
        File.CreateSymbolicLink(Path.Combine(work, "link"), "run.sh");
    }
}
