using System.Text.RegularExpressions;

namespace DurableGateway.Services.Parts;

/// <summary>WebDAV on Apache's mod_dav, with the litmus suite, and ranges and conditions of plain files with curl.</summary>
internal sealed partial class WebDavPart : Part
{
    public override string Name => "webdav";

    public override IReadOnlyList<string> Commands => ["litmus", "curl", "apache2", Apache.Module("dav_fs")];

    public override async Task<Server> StartAsync(Tools tools, string directory)
    {
        var files = Apache.Open(directory, "files");
        foreach (var lane in Round.Lanes) Apache.Open(files, lane);
        var plain = Path.Combine(files, "plain.bin");
        await File.WriteAllBytesAsync(plain, [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i / 7))]);
        File.SetLastWriteTimeUtc(plain, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        return await Apache.StartAsync(directory, ["dav", "dav_fs"], $"""
            DavLockDB {Apache.Open(directory, "locks")}/lock
            Alias /dav {files}
            <Location /dav>
              Dav On
            </Location>
            """);
    }

    public override async Task ExerciseAsync(Exercise exercise, Tools tools)
    {
        var output = await Command.RunAsync(exercise.Directory, "litmus", exercise.Url($"/dav/{exercise.Lane}/"));
        var suite = "";
        foreach (var line in output.Text.Split('\n'))
        {
            if (Heading().Match(line) is { Success: true } heading) suite = heading.Groups[1].Value;
            else if (Test().Match(line.Split('\r')[^1]) is { Success: true } test)
                exercise.See($"litmus {suite} {test.Groups[1].Value}", test.Groups[2].Value, test.Groups[2].Value is "pass" or "WARNING");
        }

        exercise.See("litmus", $"exit {output.Status}", output.Status == 0);
        string[][] requests =
        [
            ["-r", "0-99"], ["-r", "-100"], ["-r", "99990-"], ["-r", "0-9,50-59"], ["-r", "200000-"], ["-I"],
            ["-H", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"], ["-H", "If-Unmodified-Since: Wed, 01 Jan 2025 00:00:00 GMT"],
            ["-H", "If-None-Match: *"], ["-H", "If-Match: \"other\""], ["-X", "OPTIONS"],
            ["-X", "PROPFIND", "-H", "Depth: 0"], ["-X", "BREW"],
            ["-H", "Range: bytes=0-9", "-H", "If-Range: \"other\""],
        ];
        foreach (var request in requests)
        {
            await exercise.TryAsync("curl " + string.Join(' ', request), said => Answers.Normalize(said.Text), 0, "curl",
                ["-s", "-i", .. request, exercise.Url("/dav/plain.bin")]);
        }
    }

    [GeneratedRegex("^-> running `([a-z]+)':")]
    private static partial Regex Heading();

    /// <summary>Matches lines such as <c>3. put_get.............. pass</c>, with pass, FAIL or SKIPPED.</summary>
    [GeneratedRegex(@"^\s*\d+\. ([a-z_0-9]+)\.+ (pass|FAIL|SKIPPED|WARNING)")]
    private static partial Regex Test();
}
