using System.Text.Json;
using System.Text.Json.Nodes;

namespace DurableGateway.Services.Parts;

/// <summary>An npm registry (verdaccio) and npm: packages with a scope have <c>%2f</c> in their URLs, which must not change.</summary>
internal sealed class NpmPart : Part
{
    public override string Name => "npm";
    public override IReadOnlyList<string> Commands => ["node", "npm", "curl"];
    public override bool NeedsNpm => true;

    public override async Task<Server> StartAsync(Tools tools, string directory)
    {
        var configuration = Path.Combine(directory, "verdaccio.yaml");
        await File.WriteAllTextAsync(configuration, $$"""
            storage: {{directory}}/storage
            auth:
              htpasswd:
                file: {{directory}}/htpasswd
                algorithm: sha1
            uplinks: {}
            packages:
              '**':
                access: $all
                publish: $authenticated
                unpublish: $authenticated
            web:
              enable: false
            max_body_size: 100mb
            log: { type: stdout, format: pretty, level: warn }
            """);
        return await Server.StartAsync("verdaccio", port =>
            Command.Start(directory, "node", Path.Combine(tools.NodeModules, "verdaccio/bin/verdaccio"), "-c",
                configuration, "-l", $"127.0.0.1:{port}"));
    }

    public override async Task ExerciseAsync(Exercise exercise, Tools tools)
    {
        var scope = $"@{exercise.Lane}";
        var registry = exercise.Url("/");
        var login = await exercise.TryAsync("a user is added", null, 0, "curl", "-s", "-X", "PUT", "-H", "Content-Type: application/json",
            "-d", $$"""{"name":"{{exercise.Lane}}","password":"secret-{{exercise.Lane}}"}""",
            exercise.Url($"/-/user/org.couchdb.user:{exercise.Lane}"));
        var token = JsonNode.Parse(login.Text)?["token"]?.ToString() ?? "none";
        exercise.See("the answer has a token", token == "none" ? login.Text : "yes", token != "none");
        await File.WriteAllTextAsync(Path.Combine(exercise.Directory, ".npmrc"), $"//{exercise.Address.Authority}/:_authToken={token}\n");
        Task<Output> Npm(string what, Func<Output, string>? see, string directory, params string[] args) =>
            exercise.TryAsync(what, see, 0, "npm",
                ["--prefix", Path.Combine(exercise.Directory, directory), "--registry", registry, "--no-audit", "--no-fund",
                    "--no-update-notifier", "--loglevel=error",
                    "--cache", Path.Combine(exercise.Directory, "cache"), .. args]);

        await WriteAsync(exercise, "alpha",
            $$"""{"name":"{{scope}}/alpha","version":"1.0.0","description":"grüße","main":"index.js"}""", 3_000_000);
        await Npm("publish of a scoped package", null, "alpha", "publish", "./alpha", "--access=public");
        await WriteAsync(exercise, "alpha", $$"""{"name":"{{scope}}/alpha","version":"1.1.0-rc.1","main":"index.js"}""", 1000);
        await Npm("publish of a second version, by a tag", null, "alpha", "publish", "./alpha", "--access=public", "--tag", "next");
        await exercise.TryAsync("publish of what is there is refused", null, 1, "npm", "publish", "./alpha", "--registry", registry,
            "--tag", "next", "--loglevel=silent");
        await WriteAsync(exercise, "beta",
            $$"""{"name":"{{scope}}/beta.x_y","version":"2.0.0","dependencies":{ "{{scope}}/alpha":"^1.0.0" } }""", 10);
        await Npm("publish of a package that needs it", null, "beta", "publish", "./beta", "--access=public");
        await Npm("view", output => Versions(output.Text), "beta", "view", $"{scope}/alpha", "--json", "versions", "dist-tags");
        await Npm("tarball's address", output => output.Text, "beta", "view", $"{scope}/alpha", "dist.tarball");
        await Npm("tag", null, "beta", "dist-tag", "add", $"{scope}/alpha@1.0.0", "stable");
        await Npm("tags", output => output.Text, "beta", "dist-tag", "ls", $"{scope}/alpha");
        await Npm("deprecation", null, "beta", "deprecate", $"{scope}/alpha@1.1.0-rc.1", "use another");

        await WriteAsync(exercise, "app", """{"name":"app","version":"0.0.0","private":true}""", 10);
        await Npm("install", null, "app", "install", $"{scope}/beta.x_y");
        await exercise.TryAsync("what is installed", output => output.Text, 0, "node", "-p",
            $"require('./app/node_modules/{scope}/alpha').length + ' ' + "
            + $"require('./app/node_modules/{scope}/beta.x_y/package.json').version");
        Directory.Delete(Path.Combine(exercise.Directory, "app/node_modules"), recursive: true);
        Directory.Delete(Path.Combine(exercise.Directory, "cache"), recursive: true);
        await Npm("clean install by the lock file", null, "app", "ci");
        await Npm("who I am", output => output.Text, "app", "whoami");
        await exercise.TryAsync("conditional request", output => output.Text, 0, "sh", "-c",
            $"tag=$(curl -s -D - -o /dev/null '{exercise.Url($"/{scope}%2falpha")}' | tr -d '\\r' | sed -n 's/^etag: //Ip'); "
            + $"curl -s -o /dev/null -w '%{{http_code}}' -H \"If-None-Match: $tag\" '{exercise.Url($"/{scope}%2falpha")}'");
        await Npm("unpublish", null, "app", "unpublish", $"{scope}/beta.x_y@2.0.0", "--force");
        await exercise.TryAsync("unknown package", output => output.Text, 0, "curl", "-s", "-w", " %{http_code}",
            exercise.Url($"/{scope}%2fbeta.x_y"));
    }

    /// <summary>The registry is killed while it handles a request, and started again.</summary>
    public override async Task ComeHomeAsync(Exercise exercise, Server service)
    {
        var url = exercise.Url($"/@{Round.Lanes[0]}%2falpha");
        var before = await Command.RunAsync(exercise.Directory, "curl", "-s", url);
        service.Stop();
        var client = Command.RunAsync(exercise.Directory, "curl", "-s", "-L", "-w", "\n%{num_redirects}", url);
        var arrived = false;
        for (var tries = 0; !(arrived = service.HasUnread()) && tries < 400; tries++) await Task.Delay(25);
        await service.KillAsync();
        await service.StartAgainAsync();
        var answer = await client;
        var lines = answer.Text.Split('\n');
        exercise.See("killed with a request unread, started again: curl -L gets the answer",
            $"exit {answer.Status}, {lines[^1]} redirects, arrived: {arrived}\n{answer.Text}",
            arrived && answer.Status == 0 && lines[^1] != "0" && before.Text.Length > 100 && before.Text == string.Join('\n', lines[..^1]));
    }

    private static string Versions(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.GetRawText();
    }

    private static async Task WriteAsync(Exercise exercise, string name, string manifest, int size)
    {
        var directory = Directory.CreateDirectory(Path.Combine(exercise.Directory, name)).FullName;
        await File.WriteAllTextAsync(Path.Combine(directory, "package.json"), manifest);

        // Random letters do not become small when they are packed.
        var random = new Random(5);
        await File.WriteAllTextAsync(Path.Combine(directory, "index.js"),
            $"module.exports = '{new string([.. Enumerable.Range(0, size).Select(_ => (char)('a' + random.Next(26)))])}';");
    }
}
