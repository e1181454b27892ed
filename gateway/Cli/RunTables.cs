using System.Text.Json;
using Spectre.Console;

namespace DurableGateway.Cli;

/// <summary>Prints runs as tables.</summary>
internal static class RunTables
{
    /// <summary>The line width if the output is not a terminal, so that programs get unbroken lines.</summary>
    private const int WideEnough = 400;

    public static IAnsiConsole Console(TextWriter output)
    {
        if (ReferenceEquals(output, System.Console.Out) && !System.Console.IsOutputRedirected) return AnsiConsole.Console;
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(output)
        });
        console.Profile.Width = WideEnough;
        return console;
    }

    public static void List(IAnsiConsole console, JsonElement page)
    {
        var table = Table("run", "state", "route", "request", "attempt", "started", "next", "steps", "last error");
        foreach (var run in page.GetProperty("runs").EnumerateArray())
        {
            Add(table, Text(run, "id"), State(run), Text(run, "route"), $"{Text(run, "method")} {Text(run, "path")}",
                Text(run, "attempt"), Text(run, "startedAt"),
                Text(run, "nextAttemptAt"), Steps(run), Text(run, "lastError"));
        }

        console.Write(table);
        if (Text(page, "next").Length > 0) console.WriteLine("There are more runs. Raise --limit, or add filters.");
    }

    public static void Show(IAnsiConsole console, JsonElement detail)
    {
        var run = detail.GetProperty("run");
        console.WriteLine(
            $"{Text(run, "id")}  {State(run)}  {Text(run, "method")} {Text(run, "path")}  "
            + $"route {Text(run, "route")}, policy {Text(detail, "policy")}");
        Section(console, detail, "attempts", "number", "startedAt", "endedAt", "node", "destination", "outcome", "status", "reason");
        Section(console, detail, "steps", "id", "type", "state", "tries", "startedAt", "endedAt", "until", "reason");
        foreach (var attempt in detail.GetProperty("attempts").EnumerateArray())
        {
            if (!attempt.TryGetProperty("failure", out var failure) || failure.ValueKind != JsonValueKind.Object) continue;
            console.WriteLine($"attempt {Text(attempt, "number")}: what the service said ({Text(failure, "contentType")})");
            foreach (var line in failure.GetProperty("body").GetString()!.Split('\n')) console.WriteLine("  " + Printable(line));
        }

        Section(console, detail, "history", "time", "kind", "attempt", "until", "text", "reason");
    }

    public static string Line(JsonElement run) =>
        ($"{Text(run, "startedAt")}  {Text(run, "id")}  {State(run),-9}  {Text(run, "route")}  {Text(run, "method")} {Text(run, "path")}  "
            + $"attempt {Text(run, "attempt")}  {Text(run, "lastError")}").TrimEnd();

    public static string State(JsonElement run) =>
        run.GetProperty("paused").GetBoolean() ? Text(run, "state") + ", paused" : Text(run, "state");

    private static void Section(IAnsiConsole console, JsonElement detail, string name, params string[] columns)
    {
        if (detail.GetProperty(name).GetArrayLength() == 0) return;
        var table = Table(columns).Title(name);
        foreach (var row in detail.GetProperty(name).EnumerateArray()) Add(table, [.. columns.Select(column => Text(row, column))]);
        console.Write(table);
    }

    private static Table Table(params string[] columns)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var column in columns) table.AddColumn(new TableColumn(column).NoWrap());
        return table;
    }

    // Untrusted values are text, not Spectre markup.
    private static void Add(Table table, params string[] cells) => table.AddRow(cells.Select(cell => new Text(cell)));

    private static string Steps(JsonElement run) => $"{Text(run, "completedSteps")}/{Text(run, "failedSteps")}/{Text(run, "pendingSteps")}";

    /// <summary>Removes control characters, so that untrusted values cannot control the terminal.</summary>
    private static string Text(JsonElement element, string name) =>
        !element.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? ""
        : value.ValueKind == JsonValueKind.String
        ? Printable(value.GetString()!)
        : value.GetRawText();

    private static string Printable(string text) => new([.. text.Where(letter => !char.IsControl(letter))]);
}
