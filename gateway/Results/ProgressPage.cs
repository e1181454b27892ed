using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using DurableGateway.Runs;

namespace DurableGateway.Results;

/// <summary>
/// The page for a person whose browser follows a redirect before the result is available (§5). With JavaScript it follows the event stream,
/// otherwise it reloads itself. When the result is available, the same address returns it.
/// </summary>
internal static class ProgressPage
{
    private static readonly string Template = Load();

    /// <summary>
    /// Whether a browser navigates. Some programs also accept HTML besides anything else (by default Java's <c>HttpURLConnection</c> and
    /// jQuery), and would take the page for the result. Browsers never accept HTML and <c>*/*</c> without XHTML.
    /// </summary>
    public static bool IsWanted(HttpRequest request)
    {
        var accept = request.Headers.Accept.ToString();
        return request.GetTypedHeaders().Accept.Any(type =>
            type.MediaType.Equals(MediaTypeNames.Text.Html, StringComparison.OrdinalIgnoreCase) && type.Quality is null or > 0)
            && (!accept.Contains("*/*", StringComparison.Ordinal)
                || accept.Contains("application/xhtml+xml", StringComparison.OrdinalIgnoreCase));
    }

    public static async Task WriteAsync(HttpContext context, RunSnapshot run, IReadOnlyList<HistoryEntry> history)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "text/html; charset=utf-8";
        response.Headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src "
            + "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        response.Headers.XContentTypeOptions = "nosniff";
        if (HttpMethods.IsHead(context.Request.Method)) return;
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(Render(run, history, nonce)), context.RequestAborted);
    }

    private static string Render(RunSnapshot run, IReadOnlyList<HistoryEntry> history, string nonce)
    {
        var waits = run.State == RunState.Waiting;
        var next = waits
            ? run.NextAttemptAt is { } due ? $"It continues at {due:yyyy-MM-dd HH:mm:ss} UTC." : "It continues later."
            : $"Attempt {run.Attempt} is running.";
        var values = new Dictionary<string, string>
        {
            ["title"] = waits ? "Waiting" : "In progress",
            ["headline"] = waits ? "Waiting" : "In progress",
            ["next"] = next,
            ["run"] = run.Id.ToString(),
            ["nonce"] = nonce,
            ["steps"] = Steps(history),
        };
        return values.Aggregate(Template, (page, pair) => page.Replace("{{" + pair.Key + "}}", pair.Value, StringComparison.Ordinal));
    }

    /// <summary>Lists each step once, in the order in which they began, with its current state.</summary>
    private static string Steps(IReadOnlyList<HistoryEntry> history)
    {
        var order = new List<string>();
        var states = new Dictionary<string, ProgressData>(StringComparer.Ordinal);
        foreach (var data in history.Select(ProgressEvent.From).OfType<ProgressEvent>().Select(progress => progress.Data)
            .Where(data => data.Step is not null))
        {
            if (states.TryAdd(data.Step!, data)) order.Add(data.Step!);
            else states[data.Step!] = data;
        }

        var items = new StringBuilder();
        foreach (var step in order)
        {
            var name = HtmlEncoder.Default.Encode(step);
            items.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"<li data-step=\"{name}\" class=\"{states[step].State}\"><b>{name}</b><span>{Words(states[step].State!)}</span></li>");
        }

        return items.ToString();
    }

    private static string Words(string state) => state switch
    {
        "completed" => "done",
        "retrying" => "will be retried",
        "running" => "in progress",
        _ => state,
    };

    private static string Load()
    {
        using var stream = typeof(ProgressPage).Assembly.GetManifestResourceStream("progress.html")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
