using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;

namespace DurableGateway.Events;

/// <summary>
/// What a person sees who opens a callback URL, for example a link in a mail. Mail scanners and previews open links too, so only the form,
/// a <c>POST</c>, completes the step. The page works without JavaScript.
/// </summary>
internal static class CallbackPage
{
    /// <summary>The query of the form's <c>POST</c>: its answer is for a person, and its outcome is the gateway's.</summary>
    public const string ConfirmQuery = "confirm";

    /// <summary>The outcome of a step that a person confirmed.</summary>
    public const string Outcome = """{"confirmed":true}""";

    public static Task AskAsync(HttpContext context) => WriteAsync(context, StatusCodes.Status200OK, "Please confirm",
        "A request waits for your confirmation. Nothing happens until you confirm.",
        $"""<form method="post" action="?{ConfirmQuery}"><button>Confirm</button></form>""");

    public static Task ThankAsync(HttpContext context) =>
        WriteAsync(context, StatusCodes.Status200OK, "Confirmed", "The request goes on. You may close this page.");

    /// <summary>Programs get the problem itself.</summary>
    public static Task WriteAsync(HttpContext context, Problem problem)
    {
        Protect(context.Response);
        if (!ProgressPage.IsWanted(context.Request)) return context.Response.WriteProblemAsync(problem);
        var (title, text) = problem.Status switch
        {
            StatusCodes.Status404NotFound => ("Unknown link", "The link is not complete, or the request that it belongs to is gone."),
            StatusCodes.Status409Conflict => ("Already used", "The link works once. It has been used, or its time is over."),
            StatusCodes.Status410Gone => ("Too late", "The request no longer waits for a confirmation."),
            StatusCodes.Status503ServiceUnavailable => ("Please try again", "The confirmation cannot be taken at the moment."),
            _ => (problem.Title, problem.Detail ?? ""),
        };
        return WriteAsync(context, problem.Status, title, text);
    }

    private static Task WriteAsync(HttpContext context, int status, string title, string text, string form = "")
    {
        Protect(context.Response);
        return MessagePage.WriteAsync(context, status, title, text, form);
    }

    /// <summary>The URL is a capability: no cache keeps what it answers, and no other site learns it.</summary>
    private static void Protect(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.Vary = "Accept";
        response.Headers["Referrer-Policy"] = "no-referrer";
    }
}
