using Microsoft.AspNetCore.Components;

namespace DurableGateway.Dashboard;

/// <summary>A page: static markup, rendered on the server. It keeps no connection and no state.</summary>
/// <param name="Title">The title of the document.</param>
/// <param name="Body">The content of <c>main</c>.</param>
/// <param name="LiveSeconds">The reload interval in seconds; 0 for no reload.</param>
/// <param name="Status">The status of the response.</param>
internal sealed record Page(string Title, RenderFragment Body, int LiveSeconds = 0, int Status = StatusCodes.Status200OK);
