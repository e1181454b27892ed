namespace DurableGateway.Dashboard;

/// <summary>The context that all pages share: the caller, the time and the form token.</summary>
/// <param name="Who">The caller as named in histories; <see langword="null"/> on the login page.</param>
/// <param name="HasLogin">Whether the dashboard requires a login.</param>
/// <param name="Now">The time that ages refer to.</param>
/// <param name="Form">See <see cref="SessionCookies.FormToken"/>.</param>
/// <param name="Path">The path of the page, to mark it in the navigation.</param>
/// <param name="MayAct">Whether the caller may change runs and send events.</param>
internal sealed record PageContext(string? Who, bool HasLogin, DateTimeOffset Now, string Form, string Path, bool MayAct = false);
