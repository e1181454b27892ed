namespace DurableGateway.Services.Parts;

/// <summary>A PHP application on PHP's own server, which closes every connection.</summary>
internal sealed class PhpPart : Part
{
    private static readonly string App = Path.Combine(AppContext.BaseDirectory, "scripts/app.php");

    public override string Name => "php";

    public override IReadOnlyList<string> Commands => ["php", "curl"];

    public override Task<Server> StartAsync(Tools tools, string directory) => Server.StartAsync("php", port =>
    {
        var start = Command.Start(directory, "php", "-d", "upload_max_filesize=20M", "-d", "post_max_size=20M", "-d",
            $"session.save_path={directory}",
            "-S", $"127.0.0.1:{port}", App);
        start.Environment["JOURNAL"] = Journal(directory);
        return start;
    });

    public override async Task ExerciseAsync(Exercise exercise, Tools tools)
    {
        var file = Path.Combine(exercise.Directory, "upload.bin");
        await File.WriteAllBytesAsync(file, [.. Enumerable.Range(0, 6_000_000).Select(i => (byte)(i / 13))]);
        var jar = Path.Combine(exercise.Directory, "cookies");
        string[][] requests =
        [
            ["/echo/a%2Fb/%7E%41;x[0]//c?x=%2f&y[]=1&y[]=2&z=a+b%20c&u=%E4"],
            ["/echo", "-d", "name=Ann+B&grüße=ü&a[b][c]=1"],
            ["/echo", "-X", "PUT", "-H", "Content-Type: application/json", "-d", "{\"a\":1}"],
            ["/echo", "-X", "PATCH", "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@" + file],
            ["/echo", "-X", "DELETE"],
            ["/echo", "-H", "Expect:", "-F", "title=a title", "-F", "file=@upload.bin;type=application/x-test;filename=grüße.bin", "-F",
                "second=@upload.bin"],
            ["/echo", "-H", "X-Latin: gr\u00fc\u00dfe", "-H", "X-Empty;", "-H", "Accept-Language: de,en;q=0.5", "-A", "old/1.0 (x)"],
            ["/echo", "-H", "Expect: 100-continue", "-H", "Content-Type: application/x-test", "--data-binary", "@" + file],
            ["/echo", "--http1.0"],
            ["/echo", "-b", "a=1; b=2; c=\"x y\""],
            ["/redirect"], ["/redirect", "-L", "-b", jar, "-c", jar],
            ["/download"], ["/download", "-I"], ["/stream"],
            ["/login"], ["/login", "-u", "ann:p:\u00e4"], ["/login", "-u", "ann:wrong"],
            ["/status?code=204"], ["/status?code=304"], ["/status?code=404"], ["/status?code=410"], ["/status?code=418"],
            ["/status?code=500"], ["/status?code=503"],
        ];
        foreach (var request in requests)
        {
            await exercise.TryAsync("curl " + string.Join(' ', request), said => Answers.Normalize(said.Text), 0, "curl",
                ["-s", "-i", "-g", "--path-as-is", .. request[1..], exercise.Url(request[0])]);
        }

        for (var i = 0; i < 3; i++)
            await exercise.TryAsync("session", said => said.Text, 0, "curl", "-s", "-b", jar + "s", "-c",
                jar + "s", exercise.Url("/session"));
    }

    /// <summary>The application is killed during a request, and started again.</summary>
    public override async Task ComeHomeAsync(Exercise exercise, Server service)
    {
        var client = Command.RunAsync(exercise.Directory, "curl", "-s", "-L", "-w", " %{num_redirects}",
            "-d", "may", exercise.Url("/slow"));
        for (var tries = 0; !File.Exists(Journal(exercise.Directory)) && tries < 400; tries++) await Task.Delay(25);
        await service.KillAsync();
        await service.StartAgainAsync();
        var answer = await client;
        exercise.See("killed in mid-request, started again: curl -L gets the answer",
            $"exit {answer.Status} '{answer.Text}' {answer.Error}",
            answer.Status == 0 && answer.Text.StartsWith("report on may, made by attempt 2 ", StringComparison.Ordinal)
                && !answer.Text.EndsWith(" 0", StringComparison.Ordinal));
    }

    private static string Journal(string directory) => Path.Combine(directory, "journal");
}
