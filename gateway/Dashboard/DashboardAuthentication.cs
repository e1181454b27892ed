using DurableGateway.Admin;
using DurableGateway.Dashboard.Pages;
using DurableGateway.Diagnostics;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Dashboard;

/// <summary>
/// Guards every page: checks the session, checks that a form comes from a page of the dashboard, and turns errors into error pages.
/// </summary>
internal sealed class DashboardAuthentication(
    SessionCookies sessions, AdminAccess access, PageWriter writer, TimeProvider time, ILogger<DashboardAuthentication> log)
{
    /// <summary>The size limit of a form. An edited outcome of a step has up to 4 MiB before its encoding.</summary>
    private const long MaxFormBytes = 8 << 20;

    /// <summary>The size limit of a form that needs no session: a key and a path.</summary>
    private const long MaxOpenFormBytes = 16 << 10;

    public RequestDelegate Guard(Func<HttpContext, PageContext, Task<Page>> show) =>
        context => AnswerAsync(context, async page => await show(context, page));

    /// <param name="act">Returns the page to show, or <see langword="null"/> after a redirect.</param>
    public RequestDelegate GuardForm(Func<HttpContext, PageContext, IFormCollection, Task<Page?>> act) =>
        context => AnswerAsync(context, async page =>
            !page.MayAct ? ErrorPage.ReadOnly()
            : await ReadFormAsync(context.Request, MaxFormBytes) is { } form ? await act(context, page, form)
            : ErrorPage.ForeignForm());

    /// <summary>Serves content of services and clients as a download, so that it never becomes a page of this origin.</summary>
    public RequestDelegate GuardDownload(Func<HttpContext, Task<(string Name, ReadOnlyMemory<byte> Body)?>> find) =>
        context => AnswerAsync(context, async _ =>
        {
            if (await find(context) is not { } file) return ErrorPage.NoRun();
            var response = context.Response;
            PageWriter.AddProtection(response);
            response.Headers.CacheControl = "no-store";
            response.ContentType = "application/octet-stream";
            response.Headers.ContentDisposition = $"attachment; filename=\"{file.Name}\"";
            response.ContentLength = file.Body.Length;
            await response.Body.WriteAsync(file.Body, context.RequestAborted);
            return null;
        });

    public Task ShowLoginAsync(HttpContext context) => AnswerOpenAsync(context, page =>
    {
        if (page.Who is null)
            return Task.FromResult<Page?>(new Page("Log in", LoginPage.Show(null, Next(context.Request.Query["next"]), page)));
        context.SeeOther("/");
        return Task.FromResult<Page?>(null);
    });

    public Task LogInAsync(HttpContext context) => AnswerOpenAsync(context, async page =>
    {
        if (await ReadFormAsync(context.Request, MaxOpenFormBytes) is not { } form) return ErrorPage.ForeignForm();
        var next = Next(form["next"]);
        if (!sessions.LogIn(context, form["key"].ToString().Trim()))
        {
            return new Page("Log in", LoginPage.Show("The key is not in Durable:Admin:ApiKeys or Durable:Admin:ReadOnlyApiKeys.",
                next, page), Status: StatusCodes.Status403Forbidden);
        }

        context.SeeOther(next);
        return null;
    });

    public Task LogOutAsync(HttpContext context) => AnswerOpenAsync(context, async _ =>
    {
        if (await ReadFormAsync(context.Request, MaxOpenFormBytes) is null) return ErrorPage.ForeignForm();
        SessionCookies.LogOut(context);
        context.SeeOther("/login");
        return null;
    });

    /// <summary>
    /// The dashboard page to open after the login, never a page of another site. Control characters are refused because browsers
    /// remove tabs and line ends from an address before they parse it.
    /// </summary>
    private static string Next(string? path) => path is ['/', not ('/' or '\\'), ..] && !path.Any(char.IsControl) ? path : "/";

    private Task AnswerAsync(HttpContext context, Func<PageContext, Task<Page?>> answer) => AnswerOpenAsync(context, page =>
    {
        if (page.Who is not null) return answer(page);
        var asked = HttpMethods.IsGet(context.Request.Method) ? context.Request.Path + context.Request.QueryString.Value : "/";
        context.SeeOther(asked == "/" ? "/login" : $"/login?next={Uri.EscapeDataString(asked)}");
        return Task.FromResult<Page?>(null);
    });

    private async Task AnswerOpenAsync(HttpContext context, Func<PageContext, Task<Page?>> answer)
    {
        // The keys that verify sessions are unknown until the store has answered.
        var page = new PageContext(null, sessions.AreRequired, time.GetUtcNow(), "", context.Request.Path);
        Page? shown;
        try
        {
            if (!access.IsOurName(context.Request)) shown = ErrorPage.ForeignName();
            else if (!sessions.IsReady) shown = ErrorPage.NoStore();
            else
            {
                var (who, mayAct) = sessions.Find(context);
                page = page with { Who = who, MayAct = mayAct, Form = sessions.FormToken(context) };
                shown = await answer(page);
            }
        }
        catch (StoreUnavailableException)
        {
            shown = ErrorPage.NoStore();
        }
        catch (Exception e) when (e is not OperationCanceledException and not BadHttpRequestException && !context.Response.HasStarted)
        {
            Log.RequestFailed(log, e, context.Request.Method);
            shown = ErrorPage.Failed();
        }

        if (shown is not null) await writer.WriteAsync(context.Response, shown, page);
    }

    private async Task<IFormCollection?> ReadFormAsync(HttpRequest request, long most)
    {
        if (!request.HasFormContentType || request.ContentLength is not >= 0 || request.ContentLength > most) return null;
        try
        {
            var form = await request.ReadFormAsync(new FormOptions { ValueLengthLimit = (int)most }, request.HttpContext.RequestAborted);
            return sessions.IsOurForm(request, form) ? form : null;
        }
        catch (InvalidDataException)
        {
            // The form is malformed. Browsers do not send such forms.
            return null;
        }
    }
}
