using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;

namespace DurableGateway.Events;

/// <summary>
/// The page at a callback URL, for a person who opens it, for example from a mail. Mail scanners and previews open links too, so only the
/// <c>POST</c> of the form completes the step. The page works without JavaScript.
/// </summary>
internal static class CallbackPage
{
    /// <summary>The query of the form's <c>POST</c>. The response is a page, and the outcome is <see cref="Outcome"/>.</summary>
    public const string ConfirmQuery = "confirm";

    /// <summary>The outcome of a step that a person confirmed.</summary>
    public const string Outcome = """{"confirmed":true}""";

    public static Task AskAsync(HttpContext context) => WriteAsync(context, StatusCodes.Status200OK, "Please confirm",
        "A request waits for your confirmation. Nothing happens until you confirm.",
        $"""<form method="post" action="?{ConfirmQuery}"><button>Confirm</button></form>""");

    public static Task ThankAsync(HttpContext context) =>
        WriteAsync(context, StatusCodes.Status200OK, "Confirmed", "The request continues. You can close this page.");

    /// <summary>Writes a problem as a page, or as problem details if the client does not accept HTML.</summary>
    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        Protect(context.Response);
        if (!ProgressPage.IsWanted(context.Request)) return context.Response.WriteProblemAsync(problem);
        var (title, text) = problem.Status switch
        {
            StatusCodes.Status404NotFound => ("Unknown link", "The link is incomplete, or its request no longer exists."),
            StatusCodes.Status409Conflict => ("Already used", "The link works only once. It was already used, or has expired."),
            StatusCodes.Status410Gone => ("Too late", "The request no longer waits for a confirmation."),
            StatusCodes.Status503ServiceUnavailable => ("Please try again", "The confirmation cannot be stored at the moment."),
            _ => (problem.Title, problem.Detail ?? ""),
        };
        return WriteAsync(context, problem.Status, title, text);
    }

    private static Task WriteAsync(HttpContext context, int status, string title, string text, string form = "")
    {
        Protect(context.Response);
        return MessagePage.WriteAsync(context, status, title, text, form);
    }

    /// <summary>The URL is a capability: keeps the response out of caches, and the URL out of the referrer.</summary>
    private static void Protect(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.Vary = "Accept";
        response.Headers["Referrer-Policy"] = "no-referrer";
    }
}
