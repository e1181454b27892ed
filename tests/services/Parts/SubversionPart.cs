namespace DurableGateway.Services.Parts;

/// <summary>Subversion: WebDAV with DeltaV, REPORT, custom headers and COPY between URLs.</summary>
internal sealed class SubversionPart : Part
{
    public override string Name => "subversion";

    public override IReadOnlyList<string> Commands => ["svn", "svnadmin", "apache2", Apache.Module("dav_svn")];

    /// <summary>
    /// Subversion answers 500 to errors of its user, and its client does not follow redirects.
    /// So only failures that the gateway reports are retried.
    /// </summary>
    public override IReadOnlyList<string> Settings => ["Durable:Policies:default:Retry:Statuses=502-504"];

    public override async Task<Server> StartAsync(Tools tools, string directory)
    {
        var repositories = Apache.Open(directory, "repositories");
        foreach (var lane in Round.Lanes)
        {
            var path = Path.Combine(repositories, lane);
            await Command.RunAsync(directory, "svnadmin", "create", path);
            await Command.RunAsync(directory, "chmod", "-R", "a+rwX", path);
        }

        // Locks need a user name. The password is "secret".
        var users = Path.Combine(directory, "users");
        await File.WriteAllTextAsync(users, "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
        return await Apache.StartAsync(directory, ["dav", "dav_svn", "authn_core", "authn_file", "authz_user", "auth_basic"], $"""
            <Location /svn>
              DAV svn
              SVNParentPath {repositories}
              AuthType Basic
              AuthName svn
              AuthUserFile {users}
              Require valid-user
            </Location>
            """);
    }

    public override async Task ExerciseAsync(Exercise exercise, Tools tools)
    {
        var url = exercise.Url($"/svn/{exercise.Lane}");
        string[] quiet = ["--non-interactive", "--no-auth-cache", "--username", "ann", "--password", "secret"];
        Task Try(string what, Func<Output, string>? see, params string[] args) =>
            exercise.TryAsync(what, see, 0, "svn", [.. args, .. quiet]);
        await Try("mkdir", null, "mkdir", "-m", "layout", $"{url}/trunk", $"{url}/branches", $"{url}/tags");
        await Try("checkout", null, "checkout", "-q", $"{url}/trunk", "work");
        var work = Path.Combine(exercise.Directory, "work");
        Directory.CreateDirectory(Path.Combine(work, "a b"));
        await File.WriteAllTextAsync(Path.Combine(work, "a b", "grüße %2F;[x]~.txt"), "one\n");
        var bytes = new byte[5_000_000];
        new Random(3).NextBytes(bytes);
        await File.WriteAllBytesAsync(Path.Combine(work, "large.bin"), bytes);
        await Try("add", null, "add", "-q", "work/a b", "work/large.bin");
        await Try("property", null, "propset", "-q", "x:note", "grüße\nzwei", "work/large.bin");
        await Try("commit of 5 MB", null, "commit", "-q", "-m", "grüße", "work");
        await Try("copy between URLs", null, "copy", "-q", "-m", "branch", $"{url}/trunk", $"{url}/branches/b 1");
        await Try("move", null, "move", "-q", "-m", "move", $"{url}/branches/b 1", $"{url}/branches/b;2 ~ü");
        await Try("list", output => output.Text, "list", "-R", url);
        await Try("switch", null, "switch", "-q", $"{url}/branches/b;2 ~ü", "work");
        await File.AppendAllTextAsync(Path.Combine(work, "a b", "grüße %2F;[x]~.txt"), "two\n");
        await Try("commit on the branch", null, "commit", "-q", "-m", "two", "work");
        await Try("lock", null, "lock", "-q", "-m", "mine", "work/large.bin");
        await Try("unlock", null, "unlock", "-q", "work/large.bin");
        await exercise.TryAsync("update to a revision without the branch", output => output.Error, 1, "svn",
            ["update", "-q", "-r", "2", "work", .. quiet]);
        await Try("update to an old revision", null, "update", "-q", "-r", "4", "work");
        await Try("update", null, "update", "-q", "work");
        await Try("log", output => Without(output.Text, "|"), "log", "-v", url);
        await Try("diff", output => output.Text, "diff", "-r", "1:5", url);
        await Try("blame", output => output.Text, "blame", "work/a b/grüße %2F;[x]~.txt");
        await Try("cat", output => output.Text, "cat", $"{url}/branches/b;2%20~%C3%BC/a%20b/gr%C3%BC%C3%9Fe%20%252F;%5Bx%5D~.txt");
        await Try("export", null, "export", "-q", $"{url}/trunk", "export");
        exercise.See("exported", Convert.ToHexStringLower(System.Security.Cryptography.SHA256
            .HashData(await File.ReadAllBytesAsync(Path.Combine(exercise.Directory, "export/large.bin")))));
        await exercise.TryAsync("unknown repository", null, 1, "svn", ["list", exercise.Url("/svn/none"), .. quiet]);
    }

    /// <summary>Removes the lines with a mark, which contain the time.</summary>
    private static string Without(string text, string mark) =>
        string.Join('\n', text.Split('\n').Where(line => !line.Contains(mark, StringComparison.Ordinal)));
}
