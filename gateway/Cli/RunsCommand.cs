using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DurableGateway.Configuration;
using Spectre.Console;

namespace DurableGateway.Cli;

/// <summary><c>gateway runs …</c>: the admin API for the terminal.</summary>
internal static class RunsCommand
{
    public const string Name = "runs";

    private const string UrlVariable = "DURABLE_GATEWAY_URL";
    private const string KeyVariable = "DURABLE_GATEWAY_KEY";

    private static readonly Option<string> Url = new("--url")
    {
        Description = $"The control listener of any node. Default: {UrlVariable}, otherwise {SettingsBinder.DefaultControl}.",
        DefaultValueFactory = _ => FromEnvironment(UrlVariable) ?? SettingsBinder.DefaultControl,
        Recursive = true,
    };

    private static readonly Option<string?> Key = new("--key")
    {
        Description = $"A key of Durable:Admin:ApiKeys. Default: {KeyVariable}, which hides the key from other users of the machine.",
        DefaultValueFactory = _ => FromEnvironment(KeyVariable),
        Recursive = true,
    };


    private static readonly Option<bool> Json = new("--json") { Description = "Prints the JSON of the admin API.", Recursive = true };

    /// <returns>The exit status: 0 on success, 1 if the gateway refuses or does not answer, 2 if the command line is invalid.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        output ??= Console.Out;
        error ??= Console.Error;
        var parsed = Build(output).Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var wrong in parsed.Errors) await error.WriteLineAsync(wrong.Message);
            await error.WriteLineAsync("For help, run: gateway runs --help");
            return 2;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
            });
        }
        catch (AdminRefusalException e)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (UriFormatException)
        {
            await error.WriteLineAsync($"--url '{parsed.GetValue(Url)}' is not an HTTP URL such as http://127.0.0.1:8081");
            return 2;
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
    }

    private static RootCommand Build(TextWriter output)
    {
        var state = new Option<string?>("--state") { Description = "running, waiting, paused, completed, failed or cancelled." };
        var route = new Option<string?>("--route");
        var search = new Option<string?>("--search")
        {
            Description = "A run id, an idempotency key, or the value of a header of Durable:Admin:SearchHeaders."
        };
        var limit = new Option<int>("--limit") { DefaultValueFactory = _ => 20 };
        var list = new Command("list", "Lists runs, newest first.") { state, route, search, limit };
        list.SetAction((parsed, stop) => WithClientAsync(parsed, async client => await ShowAsync(
            parsed, output, await client.ListAsync(parsed.GetValue(state), parsed.GetValue(route), parsed.GetValue(search), null,
                parsed.GetValue(limit), stop), RunTables.List)));

        var show = OfRun("show", "Shows a run with its attempts, steps and history.", (parsed, client, run, stop) =>
            ShowAsync(parsed, output, client.GetAsync(PathOf(run), stop), RunTables.Show));
        var actions = new[]
        {
            Acts("retry", "Starts the next attempt of a waiting run immediately.", "The run is due now."),
            Acts("pause", "Pauses a run. It gets no further attempt until it is resumed.", "The run is paused."),
            Acts("resume", "Resumes a paused run.", "The run continues."),
            Acts("cancel", "Cancels a run that has not ended.", "The run is cancelled."),
            Acts("again", "Sends the request of a run again as a new run.", "The new run is {0}."),
            Acts("release-key", "Releases the idempotency key of an ended run: the next request with the key starts a new run.",
                "The key is released. The next request with the key starts a new run."),
        };
        var step = new Argument<string>("step") { Description = "The id of the step. The run executes it and the later steps again." };
        var fromStep = OfRun("from-step", "Continues an ended or waiting run from a step.", (parsed, client, run, stop) => ShowAsync(
            parsed, output, client.PostAsync($"{PathOf(run)}/from-step", stop, new { step = parsed.GetValue(step) }),
            (console, _) => console.WriteLine("The run continues from that step.")));
        fromStep.Add(step);

        var tail = new Command("tail", "Prints runs when they start and when their state changes, until interrupted.") { state, route };
        tail.SetAction((parsed, stop) => WithClientAsync(parsed, client =>
            RunTail.FollowAsync(client, output, parsed.GetValue(state), parsed.GetValue(route), parsed.GetValue(Json), stop)));

        var runs = new Command(Name, "Shows the runs of a gateway and acts on them.") { list, show, fromStep, tail, Url, Key, Json };
        foreach (var action in actions) runs.Add(action);
        return new RootCommand { runs };

        Command Acts(string verb, string description, string done) => OfRun(verb, description, (parsed, client, run, stop) => ShowAsync(
            parsed, output, client.PostAsync($"{PathOf(run)}/{verb}", stop), (console, answer) => console.WriteLine(string.Format(
                CultureInfo.InvariantCulture, done, answer.TryGetProperty("newRun", out var created) ? created.GetString() : ""))));
    }

    private static string PathOf(string run) => $"runs/{Uri.EscapeDataString(run)}";

    private static string? FromEnvironment(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    private static Command OfRun(string name, string description, Func<ParseResult, AdminClient, string, CancellationToken, Task> act)
    {
        var run = new Argument<string>("run") { Description = "The id of the run, or its first eight or more digits." };
        // An empty id, for example from an empty variable of a script, would address the list.
        run.Validators.Add(given =>
        {
            if (string.IsNullOrWhiteSpace(given.GetValueOrDefault<string>())) given.AddError("The id of the run is empty.");
        });
        var command = new Command(name, description) { run };
        command.SetAction((parsed, stop) => WithClientAsync(parsed,
            async client => await act(parsed, client, await client.ResolveAsync(parsed.GetValue(run)!, stop), stop)));
        return command;
    }

    private static async Task<int> WithClientAsync(ParseResult parsed, Func<AdminClient, Task> act)
    {
        using var client = new AdminClient(parsed.GetValue(Url)!, parsed.GetValue(Key));
        await act(client);
        return 0;
    }

    private static async Task ShowAsync(
        ParseResult parsed, TextWriter output, Task<JsonElement> asked, Action<IAnsiConsole, JsonElement> show) =>
        await ShowAsync(parsed, output, await asked, show);

    private static async Task ShowAsync(ParseResult parsed, TextWriter output, JsonElement answer, Action<IAnsiConsole, JsonElement> show)
    {
        if (parsed.GetValue(Json)) await output.WriteLineAsync(answer.GetRawText());
        else show(RunTables.Console(output), answer);
    }
}
